"""Introductions: asking somebody both know to bring the viewer together with a third. Contact exists only when both said yes.

The one in between may pass it on or stay silent, and so may the one it is for: the asker sees the same in all of these. What ends it
(a block, a removal, hiding, a suspension) is looked at whenever it is read, so nothing has to be told of it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, func, or_, select
from sqlalchemy.orm import aliased

from webapp import clock, tokens
from webapp.config import setting
from webapp.domain import people, relationships, silence, telling
from webapp.domain.errors import N_, Invalid, NotFound, Refused
from webapp.extensions import db
from webapp.models.base import NOW
from webapp.models.batch import values_of
from webapp.models.built import built_once, for_any_viewer
from webapp.models.connection import Connection
from webapp.models.introduction import Introduction
from webapp.models.member import AnyViewer, Member

COULD_MOST = 50
"""How many of those both know are offered to choose from."""
ASKED = "introduction_asked"
"""What the one in between is told."""
PASSED = "introduction"
"""What the one it is for is told."""
MAILS = (ASKED, PASSED)
SWEPT_AT_ONCE = 500


# Asking


def may_ask(viewer: Member, other: Member) -> bool:
    """Whether the viewer may ask for an introduction to somebody: nothing is between the two, and they share a connection."""
    if people.standing(viewer, other).status != "none":
        return False
    return db.session.execute(people.shared_with(viewer, other).limit(1)).first() is not None


def could(viewer: Member, other: Member) -> Sequence[Any]:
    """Return who could introduce the viewer to somebody. NotFound where the viewer may not ask for it."""
    found = db.session.execute(people.shared_with(viewer, other).limit(COULD_MOST)).all()
    if not found or people.standing(viewer, other).status != "none":
        raise NotFound
    return found


def ask(viewer: Member, other: Member, via: str, why: str) -> Introduction:
    """Ask who has the handle `via` for an introduction to `other`. It is held for UNDO_SECONDS, and open for INVITATION_DAYS.

    One at a time for each pair, INTRODUCTIONS_OPEN_MAX in all. Refused for who is silenced.
    """
    silence.check(viewer)
    if not may_ask(viewer, other):
        raise NotFound
    between = db.session.execute(people.shared_with(viewer, other).where(Member.handle == via)).one_or_none()
    problems = {} if between else {"via": N_("Choose who could introduce you")}
    if not why.strip():
        problems["why"] = N_("Say in a few words why you would like to meet them")
    try:
        why = relationships.check_note(why)
    except Invalid as error:
        problems["why"] = error.fields["note"]
    if between is None or problems:
        raise Invalid(**problems)
    relationships.lock_members([viewer.id])  # two at once are counted one after the other
    now = clock.now()
    _check_open(viewer, other, now)
    row = Introduction(
        key=tokens.new(),
        asker_id=viewer.id,
        via_id=between.id,
        target_id=other.id,
        state="asked",
        why=why,
        created_at=now,
        leaves_at=now + timedelta(seconds=setting("UNDO_SECONDS")),
        expires_at=now + timedelta(days=setting("INVITATION_DAYS")),
    )
    db.session.add(row)
    db.session.flush()
    telling.tell(ASKED, [(between.id, viewer.id)], about=row.key, at=row.leaves_at)
    return row


def _check_open(viewer: Member, other: Member, now: datetime) -> None:
    """Make room for a new one where an old one is over; Refused while it is not, and where too many are open."""
    row = db.session.scalar(
        select(Introduction).where(Introduction.asker_id == viewer.id, Introduction.target_id == other.id)
    )
    if row is not None and row.expires_at > now:
        if row.state == "cancelled":
            raise Refused(N_("You can ask for an introduction to them again on %(date)s."), date=row.expires_at)
        raise Refused(N_("You asked for an introduction to them already."))
    if row is not None:
        _drop([row])
    most = setting("INTRODUCTIONS_OPEN_MAX")
    number = db.session.scalar(
        select(func.count()).where(
            Introduction.asker_id == viewer.id, Introduction.state != "cancelled", Introduction.expires_at > now
        )
    )
    if (number or 0) >= most:
        raise Refused(N_("You have asked for %(most)s introductions that are open. Take one back first."), most=most)


def take_back(viewer: Member, key: str) -> bool:
    """Take back what the viewer asked for; return whether it had not left yet, so that nobody ever hears of it.

    What had left may be asked for again after REINVITE_DAYS.
    """
    now = clock.now()
    mine = (Introduction.asker_id == viewer.id) & (Introduction.key == key)
    row = db.session.scalar(select(Introduction).where(mine, Introduction.state != "cancelled").with_for_update())
    if row is None:
        raise NotFound
    if now < row.leaves_at:
        _drop([row])
        return True
    _forget(row)
    row.state, row.why, row.words = "cancelled", "", ""
    row.expires_at = now + timedelta(days=setting("REINVITE_DAYS"))
    return False


@for_any_viewer
def mine(viewer: Member | type[AnyViewer]) -> Any:
    """Return what the viewer asked for and may hope for, the latest first: to whom, through whom, and until when it can be undone."""
    target, via = aliased(Member), aliased(Member)
    return (
        _rows(target, via)
        .where(
            Introduction.asker_id == viewer.id,
            Introduction.state != "cancelled",
            Introduction.expires_at > NOW,
            _seen(target),
            ~relationships.blocked_between(viewer, target.id),
            ~_connected(viewer.id, target.id),
        )
        .order_by(Introduction.id.desc())
    )


def after(found: Any, introduction_id: int) -> Any:
    """Return what follows one row of that list."""
    return found.where(Introduction.id < introduction_id)


def open_to(viewer: Member, other: Member) -> Any:
    """Return what the viewer asked for to meet this member, as a row of `mine`; None where there is nothing."""
    return db.session.execute(_open_to(), {"viewer": viewer.id, "target": other.id}).one_or_none()


@built_once
def _open_to() -> Any:
    return mine(AnyViewer).where(Introduction.target_id == bindparam("target"))


# Passing on and answering


@for_any_viewer
def waiting(viewer: Member | type[AnyViewer]) -> Any:
    """Return what waits for the viewer, the latest first: to be passed on by them, or for their own answer. One statement."""
    return _alive().where(_for(viewer)).order_by(Introduction.id.desc())


def waiting_one(viewer: Member, key: str) -> Any:
    """Return what waits for the viewer under this key; None where it does not (any more)."""
    return db.session.execute(waiting(viewer).where(Introduction.key == key)).one_or_none()


def one_to_pass(viewer: Member, key: str) -> Any:
    """Return what the viewer may pass on under this key, else NotFound."""
    return _one(viewer, key, "asked")


def pass_on(viewer: Member, key: str, words: str) -> Any:
    """Pass an introduction on with words of one's own; now the one it is for sees who introduces, and why. Return its row."""
    row = _one(viewer, key, "asked")
    try:
        words = relationships.check_note(words)
    except Invalid as error:
        raise Invalid(words=error.fields["note"]) from None
    introduction = row.Introduction
    introduction.state, introduction.words = "passed", words
    _forget(introduction)
    telling.tell(PASSED, [(introduction.target_id, viewer.id)], about=key)
    return row


def decline(viewer: Member, key: str) -> None:
    """Don't pass it on. Nobody is told: the asker sees no difference."""
    row = _one(viewer, key, "asked").Introduction
    row.state = "declined"
    _forget(row)


def ignore(viewer: Member, key: str) -> None:
    """Put an introduction aside. Nobody is told."""
    row = _one(viewer, key, "passed").Introduction
    row.state = "ignored"
    _forget(row)


def accept(viewer: Member, key: str) -> Any:
    """Say yes: the two are connected now, the asker is told, and the introduction is gone. Return its row. Refused where a list is full."""
    found = _one(viewer, key, "passed", lock=False)
    relationships.lock_members(
        [viewer.id, found.Introduction.asker_id]
    )  # before the row, in the order all locks are taken
    row = _one(viewer, key, "passed")
    if not relationships.join(viewer, [row.Introduction.asker_id]):
        raise Refused(N_("You can't be connected now: one of your lists of connections is full."))
    _drop([row.Introduction])
    return row


def sweep(now: datetime) -> int:
    """Delete what nobody answered in time; return how many."""
    rows = db.session.scalars(select(Introduction).where(Introduction.expires_at <= now).limit(SWEPT_AT_ONCE)).all()
    _drop(rows)
    return len(rows)


def passed_on(viewer: Member) -> Any:
    """Return what the viewer passed on with words of their own, and to whom, as far as the viewer sees them; not what came of it."""
    asker, target = aliased(Member), aliased(Member)
    return (
        select(Introduction, asker.name.label("asker_name"), target.name.label("target_name"))
        .select_from(Introduction)
        .outerjoin(
            asker,
            (asker.id == Introduction.asker_id) & _seen(asker) & ~relationships.blocked_between(viewer, asker.id),
        )
        .outerjoin(
            target,
            (target.id == Introduction.target_id) & _seen(target) & ~relationships.blocked_between(viewer, target.id),
        )
        .where(Introduction.via_id == viewer.id, Introduction.words != "", Introduction.expires_at > clock.now())
        .order_by(Introduction.id.desc())
    )


# How it is read


def _rows(target: Any, via: Any) -> Any:
    """Return introductions with the names of those a list shows; `via` is missing where the asker may not see them any more."""
    asker = aliased(Member)
    return (
        select(
            Introduction,
            target.handle,
            target.name,
            target.headline,
            target.photo,
            via.handle.label("via_handle"),
            via.name.label("via_name"),
        )
        .join(target, target.id == Introduction.target_id)
        .join(asker, asker.id == Introduction.asker_id)
        .outerjoin(
            via,
            (via.id == Introduction.via_id) & _seen(via) & ~relationships.blocked_between(asker, Introduction.via_id),
        )
    )


def _alive() -> Any:
    """Return the introductions that may still come to something, with all three, as the other two see them."""
    asker, via, target = aliased(Member), aliased(Member), aliased(Member)
    named = [
        column.label(f"{who}_{name}")
        for who, member in (("asker", asker), ("via", via), ("target", target))
        for name, column in (
            ("handle", member.handle),
            ("name", member.name),
            ("headline", member.headline),
            ("photo", member.photo),
        )
    ]
    return (
        select(Introduction, *named)
        .join(asker, asker.id == Introduction.asker_id)
        .join(via, via.id == Introduction.via_id)
        .join(target, target.id == Introduction.target_id)
        .where(
            Introduction.leaves_at <= NOW,
            Introduction.expires_at > NOW,
            _seen(asker),
            _seen(via),
            _seen(target),
            ~via.unlisted,
            target.askable != "nobody",
            _connected(via.id, asker.id),
            _connected(via.id, target.id),
            ~_connected(asker.id, target.id),
            ~relationships.blocked_between(asker, target.id),
        )
    )


def _seen(member: Any) -> Any:
    return member.verified_at.is_not(None) & member.suspended_at.is_(None) & member.deleted_at.is_(None)


def _connected(one: Any, other: Any) -> Any:
    # A value and not EXISTS, which PostgreSQL turns into joins: planning that many took twenty times as long as all the rest.
    since = select(Connection.since).where(Connection.member_id == one, Connection.other_id == other)
    return since.scalar_subquery().is_not(None)


def _for(viewer: Member | type[AnyViewer]) -> Any:
    to_pass = (Introduction.via_id == viewer.id) & (Introduction.state == "asked")
    to_answer = (Introduction.target_id == viewer.id) & (Introduction.state == "passed")
    return to_pass | to_answer


def _one(viewer: Member, key: str, state: str, *, lock: bool = True) -> Any:
    found = _alive().where(_for(viewer), Introduction.key == key, Introduction.state == state)
    if lock:
        found = found.with_for_update(of=Introduction).execution_options(populate_existing=True)
    row = db.session.execute(found).one_or_none()
    if row is None:
        raise NotFound
    return row


def _forget(row: Introduction) -> None:
    for kind in (ASKED, PASSED):
        telling.forget(kind, row.key)


def forget_some(member_id: int, most: int) -> int:
    """Delete so many introductions that a member asked for, was to pass on or was the target of, and what was told of them."""
    concerned = or_(
        *(each == member_id for each in (Introduction.asker_id, Introduction.via_id, Introduction.target_id))
    )
    rows = db.session.execute(select(Introduction.id, Introduction.key).where(concerned).limit(most)).all()
    if rows:
        telling.forget_all((ASKED, PASSED), [row.key for row in rows])
        gone = delete(Introduction).where(Introduction.id.in_(select(values_of([row.id for row in rows]).c.value)))
        db.session.execute(gone.execution_options(synchronize_session=False))
    return len(rows)


def _drop(rows: Sequence[Introduction]) -> None:
    for row in rows:
        _forget(row)
    gone = delete(Introduction).where(Introduction.id.in_([row.id for row in rows]))
    db.session.execute(gone.execution_options(synchronize_session="fetch"))
