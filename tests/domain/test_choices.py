"""Choices: one table names them, one form keeps them."""

import pytest

from tests import factories
from webapp.domain import choices
from webapp.domain.choices import CHOICES, Option, Question, Switch
from webapp.domain.errors import Invalid


@pytest.fixture
def ana(context):
    return factories.member("Ana")


def test_every_choice_is_a_column_of_the_member_and_its_default_is_an_answer(ana):
    for choice in CHOICES:
        value = getattr(ana, choice.name)
        assert (
            isinstance(value, bool) if isinstance(choice, Switch) else value in {each.value for each in choice.options}
        )


def test_one_wrong_answer_keeps_nothing(ana, monkeypatch):
    several = Question("name", "Which", (Option("a", "A"), Option("b", "B")))
    monkeypatch.setattr(choices, "CHOICES", (several, *CHOICES))
    with pytest.raises(Invalid) as refused:
        choices.choose(ana, {"name": "a", "findable": "friends"}, [])
    assert set(refused.value.fields) == {"findable"}
    assert (ana.name, ana.findable) == ("Ana", "everyone")


def test_a_switch_is_off_only_where_the_form_showed_it(ana, monkeypatch):
    monkeypatch.setattr(choices, "CHOICES", (Switch("is_operator", "Runs it"),))
    ana.is_operator = True
    choices.choose(ana, {}, [])
    assert ana.is_operator
    choices.choose(ana, {}, ["is_operator"])
    assert not ana.is_operator
    choices.choose(ana, {"is_operator": "1"}, ["is_operator"])
    assert ana.is_operator
