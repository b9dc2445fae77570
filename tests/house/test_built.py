"""A statement that is built once holds nothing of the moment, of the settings or of anybody: these are given each time it runs."""

import ast
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import StatementError

from tests import factories
from webapp.domain import connections, people
from webapp.extensions import db
from webapp.models.built import for_any_viewer, values_given, word
from webapp.models.member import Member

MARKS = {"built_once", "for_any_viewer"}
PASSING = {"now", "setting", "today"}


def built():
    for path in sorted(Path("webapp").rglob("*.py")):
        for each in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(each, ast.FunctionDef) and MARKS & {getattr(mark, "id", "") for mark in each.decorator_list}:
                yield f"{path.stem}.{each.name}", each


def test_no_statement_that_is_built_once_reads_the_clock_or_a_setting():
    found = dict(built())
    assert len(found) > 20
    for name, function in found.items():
        called = {
            getattr(call.func, "attr", getattr(call.func, "id", ""))
            for call in ast.walk(function)
            if isinstance(call, ast.Call)
        }
        assert not called & PASSING, name


def test_the_same_statement_shows_each_viewer_their_own(context):
    ada, ben, cy = (factories.member(name) for name in ("Ada A", "Ben B", "Cy C"))
    factories.connect(ada, ben)
    db.session.commit()
    seen = {viewer.id: {row.id for row in db.session.execute(connections.of(viewer))} for viewer in (ada, ben, cy)}
    assert seen == {ada.id: {ben.id}, ben.id: {ada.id}, cy.id: set()}
    inside = connections.of(ben).subquery()
    assert db.session.scalars(select(inside.c.id)).all() == [ada.id]
    stands = {viewer.id: people.standing(viewer, ben).status for viewer in (ada, cy)}
    assert stands == {ada.id: "connected", cy.id: "none"}


def test_without_its_values_it_asks_nothing(context):
    @for_any_viewer
    def some(viewer):
        given = values_given()
        return select(Member.id).join(given, given.c.value == Member.id).where(Member.id != viewer.id)

    ada = factories.member("Ada A")
    assert db.session.scalars(some(ada).params(given=[])).all() == []
    with pytest.raises(StatementError, match="value is required"):
        db.session.scalars(some(ada)).all()


@pytest.mark.parametrize("text", ["it's", "a:b", "a b", "Ä", "1"])
def test_no_word_but_one_of_ours_is_written_into_a_statement(text):
    assert str(word("queued")) == "'queued'"
    with pytest.raises(ValueError, match=text):
        word(text)
