"""Choices: what members decide about being found, asked and seen. This table is the one place that names them; Settings draws it.

Each choice is a column of `Member` with the same name: text for a `Question`, a yes or no for a `Switch`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from webapp.domain import names
from webapp.domain.errors import N_, Invalid
from webapp.models.member import Member


@dataclass(frozen=True)
class Option:
    """One answer to a question, and what it means."""

    value: str
    words: str
    hint: str = ""


@dataclass(frozen=True)
class Question:
    """A choice of one among several. `words` stands above it, `hint` below that."""

    name: str
    words: str
    options: tuple[Option, ...]
    hint: str = ""


@dataclass(frozen=True)
class Switch:
    """A choice between yes and no."""

    name: str
    words: str
    hint: str = ""


Choice = Question | Switch

CHOICES: tuple[Choice, ...] = (
    Question(
        "findable",
        N_("Who can find me by my email address"),
        (
            Option("everyone", N_("Everyone who has it"), N_("They see you when they look for people they know.")),
            Option(
                "second",
                N_("Only connections of my connections"),
                N_("Others see you as somebody who isn't here."),
            ),
            Option(
                "nobody",
                N_("Nobody"),
                N_("Whoever has your address sees you as somebody who isn't here. You can still be found by name."),
            ),
        ),
        N_("Some people have your email address in their contacts. Who of them may see that you are here?"),
    ),
    Question(
        "askable",
        N_("Who may ask me to connect"),
        (
            Option("everyone", N_("Every member")),
            Option(
                "near",
                N_("Who shares a connection, a cohort or my email address"),
                N_("An address counts for somebody who has just looked for it in their contacts."),
            ),
            Option("nobody", N_("Nobody"), N_("You can still ask others.")),
        ),
        N_("Others see no Connect button on your profile, and nobody is told why."),
    ),
    Question(
        "connections_shown",
        N_("Who can see my list of connections"),
        (
            Option("nobody", N_("Only me")),
            Option("connections", N_("My connections")),
            Option("members", N_("Every member")),
        ),
        N_("Connections you share with somebody are told to them in any case, unless those people hide."),
    ),
    Question(
        "writable",
        N_("Who may write to me"),
        (
            Option("connections", N_("My connections")),
            Option(
                "members",
                N_("Every member"),
                N_(
                    "A first message of somebody else waits under Requests; they can't send a second before you answer."
                ),
            ),
        ),
    ),
    Switch(
        "mails_message_text",
        N_("Put the text of messages into emails to me"),
        N_("Else an email only says who wrote. Emails pass through other people's machines."),
    ),
    Switch(
        "shows_reading",
        N_("Show how far I have read"),
        N_(
            "People you write with see when you have read their messages, if they show it, too. Nobody ever sees that you are typing."
        ),
    ),
    Switch(
        "unlisted",
        N_("Hide me from other people's lists of connections"),
        N_(
            "You are not named or counted as a mutual connection either, and nobody is shown a way to somebody through you."
        ),
    ),
    Switch(
        "unsuggested",
        N_("Don't suggest me to others"),
        N_("You don't appear under People you may know. You can still be found by name."),
    ),
    Switch(
        "mentors",
        N_("I offer mentoring"),
        N_("Members can search for who does, and see it on the pages of your field and cohort."),
    ),
    Switch(
        "announces_connections",
        N_("Tell my connections when I connect with somebody"),
        N_("Only if they allow it, too, and neither of you hides. Ending the connection takes it back."),
    ),
)


def choose(viewer: Member, given: Mapping[str, str], shown: Collection[str]) -> None:
    """Keep what a form says: every question it answers, and every switch among the names it showed (one that is not given is off).

    Invalid, with every problem, changes nothing.
    """
    kept: dict[str, str | bool] = {}
    problems: dict[str, str] = {}
    for choice in CHOICES:
        if isinstance(choice, Switch):
            if choice.name in shown:
                kept[choice.name] = choice.name in given
        elif choice.name in given:
            answer = given[choice.name]
            if answer not in {option.value for option in choice.options}:
                problems[choice.name] = N_("Choose one of the answers")
            kept[choice.name] = answer
    if problems:
        raise Invalid(**problems)
    for name, kept_value in kept.items():
        setattr(viewer, name, kept_value)
    names.refresh(viewer)
