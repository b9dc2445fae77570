"""Events: everything a member can be told of. This table is the one place that names them; the pages, the settings and the mails read it.

A new one is a row here, and `telling.tell` with its kind where it happens. What belongs to it by mail says so in `mail/catalog.py`
(`Kind.preference`). Who wants what is kept as deviations from the defaults, so that a new event asks nobody anything.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Boolean, ColumnElement, delete, func, insert, literal, select

from webapp import clock, tokens
from webapp.domain.errors import N_, Invalid, NotFound
from webapp.extensions import db
from webapp.mail.catalog import KINDS as MAILS
from webapp.models.event_choice import CHANNELS, EventChoice
from webapp.models.member import DIGESTS, Member


@dataclass(frozen=True)
class Told:
    """How one kind of notification reads, and where it leads: `{handle}` is who caused it, `{about}` the key of what it concerns.

    `gathered`: those of a day about the same thing make one line, "Ana and 36 others ..."; so not where each has a button of its own.
    """

    sentence: str
    path: str = "/people/{handle}"
    gathered: bool = True


@dataclass(frozen=True)
class Event:
    """Something that happens to a member: what Settings calls it, the kinds of notification it covers, and whether it mails at first."""

    name: str
    words: str
    kinds: Mapping[str, Told]
    mailed: bool = True
    gathers: bool = False
    """Its mail is one a week and so waits for no digest."""
    operators: bool = False
    """Happens to operators only, so nobody else is asked about it."""

    @property
    def has_mail(self) -> bool:
        """Whether there is a mail of it that can be turned off."""
        return any(mail.preference == self.name for mail in MAILS.values())


EVENTS: tuple[Event, ...] = (
    Event(
        "invitation",
        N_("Somebody invites me to connect"),
        {
            "invitation": Told(N_("%(who)s would like to connect"), gathered=False),
            "guest_invitation": Told(N_("%(who)s invited you at an address of yours"), "/invitations", gathered=False),
        },
    ),
    Event(
        "connected",
        N_("Somebody accepts my invitation"),
        {"connected": Told(N_("%(who)s accepted your invitation"))},
    ),
    Event("message", N_("Somebody writes to me, and I haven't read it after a quarter of an hour"), {}),
    Event(
        "introduction",
        N_("Somebody asks for an introduction, or introduces somebody to me"),
        {
            "introduction_asked": Told(N_("%(who)s asks you for an introduction"), "/introductions", gathered=False),
            "introduction": Told(
                N_("%(who)s would like to introduce somebody to you"), "/introductions", gathered=False
            ),
        },
    ),
    Event(
        "endorsement",
        N_("Somebody endorses a skill of mine"),
        {"endorsement": Told(N_("%(who)s endorsed a skill of yours"))},
    ),
    Event(
        "saved_search",
        N_("A search I saved finds somebody new"),
        {"saved_search": Told(N_("%(who)s matches a search you saved"), "/people/saved/{about}")},
        mailed=False,
    ),
    Event(
        "keep_in_touch",
        N_("It is time to get in touch with somebody, by my private cards (once a week)"),
        {},
        mailed=False,
        gathers=True,
    ),
    Event(
        "comment",
        N_("Somebody comments on what I shared"),
        {"comment": Told(N_("%(who)s commented on what you shared"), "/feed/{about}")},
    ),
    Event(
        "congratulation",
        N_("Somebody congratulates me on what I shared"),
        {"congratulation": Told(N_("%(who)s congratulated you on what you shared"), "/feed/{about}")},
    ),
    Event(
        "archive",
        N_("The archive I asked for is ready"),
        {
            "archive": Told(
                N_("%(who)s, your archive is ready. You can download it for 24 hours"),
                "/settings/export",
                gathered=False,
            )
        },
    ),
    Event(
        "joining",
        N_("Somebody waits for operators to let them in"),
        {"joining": Told(N_("%(who)s, somebody waits to be let in"), "/admin/joining", gathered=False)},
        operators=True,
    ),
)
BY_NAME: Mapping[str, Event] = {event.name: event for event in EVENTS}
KINDS: Mapping[str, Told] = {kind: told for event in EVENTS for kind, told in event.kinds.items()}
_OF_KIND = {kind: event for event in EVENTS for kind in event.kinds}
GATHERED = sorted(kind for kind, told in KINDS.items() if told.gathered)
DIGEST = "digest"
"""What a mail names as its preference that is turned off by wanting no digest."""


def of_kind(kind: str) -> Event:
    """Return the event a kind of notification belongs to."""
    event = _OF_KIND.get(kind)
    if event is None:
        raise LookupError(f"Nobody can be told {kind!r}: it has no row in domain/events.py.")
    return event


def is_wanted(event: Event, channel: str, member_id: Any) -> ColumnElement[bool]:
    """The SQL value whether a member wants to hear of an event by a channel (`app`, `email`)."""
    return _is_wanted(event.name, channel, member_id, usual=event.mailed if channel == "email" else True)


def is_shown(name: Any, member_id: Any) -> ColumnElement[bool]:
    """The SQL value whether a member wants to see in Kith what the event of that name tells."""
    return _is_wanted(name, "app", member_id, usual=True)


def _is_wanted(name: Any, channel: str, member_id: Any, *, usual: bool) -> ColumnElement[bool]:
    chosen = (
        select(EventChoice.wanted)
        .where(EventChoice.member_id == member_id, EventChoice.event == name, EventChoice.channel == channel)
        .scalar_subquery()
    )
    return func.coalesce(chosen, literal(usual), type_=Boolean())


def wants_mail(member: Member, preference: str) -> bool:
    """Whether a mail that can be turned off may leave to this member by itself: it is wanted, and does not wait for a digest."""
    if preference == DIGEST:
        return member.digest in {"daily", "weekly"}
    event = BY_NAME[preference]
    now = member.digest != "none" if event.gathers else member.digest == "each"
    return now and bool(db.session.scalar(select(is_wanted(event, "email", member.id))))


def chosen(viewer: Member) -> dict[tuple[str, str], bool]:
    """Return what the viewer wants, by event and channel."""
    usual = {(event.name, "app"): True for event in EVENTS}
    usual |= {(event.name, "email"): event.mailed for event in EVENTS if event.has_mail}
    mine = select(EventChoice.event, EventChoice.channel, EventChoice.wanted).where(EventChoice.member_id == viewer.id)
    return usual | {(row.event, row.channel): row.wanted for row in db.session.execute(mine)}


def choose(viewer: Member, shown: Collection[str], ticked: Collection[tuple[str, str]], digest: str) -> None:
    """Keep what a form says: for the events it showed, the (event, channel) it ticked and no other; and how often to mail.

    Invalid, for an answer nobody offered, changes nothing.
    """
    if digest not in DIGESTS:
        raise Invalid(digest=N_("Choose one of the answers"))
    names = [event.name for event in EVENTS if event.name in shown]
    _keep(viewer, {(name, channel): (name, channel) in ticked for name in names for channel in CHANNELS})
    _set_digest(viewer, digest)


def turn_mail_off(viewer: Member, preference: str) -> None:
    """Send this member no mail of this event any more (or no digest); twice is once."""
    if preference == DIGEST:
        _set_digest(viewer, "none")
    else:
        _keep(viewer, {(preference, "email"): False})


def unsubscribe_token(member: Member, preference: str) -> str:
    """Return what a link carries that turns just these mails off for just this member; it never expires."""
    return tokens.sign(tokens.UNSUBSCRIBE, [member.handle, preference])


def of_token(token: str) -> tuple[Member, str]:
    """Return whose mails of which event a link turns off; NotFound for anything we did not sign, or that is gone."""
    signed = tokens.signed(tokens.UNSUBSCRIBE, token)
    if signed is None:
        raise NotFound
    handle, preference = signed
    member = db.session.scalars(select(Member).where(Member.handle == handle)).one_or_none()
    if member is None or (preference != DIGEST and preference not in BY_NAME):
        raise NotFound
    return member, preference


def _keep(viewer: Member, wishes: Mapping[tuple[str, str], bool]) -> None:
    """Replace the viewer's choices of these."""
    for name in {name for name, _channel in wishes}:
        channels = [channel for event, channel in wishes if event == name]
        db.session.execute(
            delete(EventChoice)
            .where(EventChoice.member_id == viewer.id, EventChoice.event == name, EventChoice.channel.in_(channels))
            .execution_options(synchronize_session=False)
        )
    rows = [
        {"member_id": viewer.id, "event": name, "channel": channel, "wanted": wanted}
        for (name, channel), wanted in wishes.items()
        if wanted != (BY_NAME[name].mailed or channel == "app")
    ]
    if rows:
        db.session.execute(insert(EventChoice), rows)


def _set_digest(viewer: Member, digest: str) -> None:
    """What came before the choice was told in another way; the first digest begins there."""
    if viewer.digest != digest:
        viewer.digest, viewer.digested_at = digest, clock.now()
