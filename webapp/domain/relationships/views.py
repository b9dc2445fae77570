"""How a member sees their pairs. The only way to read them: it hides the other's hold, ignoring, quiet and block."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import Integer, Subquery, bindparam, case, cast, func, literal, null, select, union_all

from webapp import clock, config
from webapp.domain.relationships import store
from webapp.extensions import db
from webapp.models.base import NOW, Moment
from webapp.models.batch import rows_of
from webapp.models.built import for_any_viewer, values_given, word, words_of
from webapp.models.connection import Connection
from webapp.models.member import AnyViewer, Member
from webapp.models.relationship import STATES, Relationship

Status = Literal[
    "none", "held", "queued", "invited", "received", "ignored", "connected", "withdrawn", "removed", "blocked"
]


NOT_CONNECTED = tuple(state for state in STATES if state != "connected")
UNDO_ENDS = bindparam(
    "undo_ends", callable_=lambda: clock.now() + timedelta(seconds=config.setting("UNDO_SECONDS")), type_=Moment
)
"""When the undo of what is sent at the moment at which a statement runs ends."""


def blocked_between(viewer: Member | type[Member | AnyViewer], other_id: Any) -> Any:
    """The SQL condition that one of the two blocks the other: neither exists for the other then."""
    row = Relationship
    return (
        select(row.low_id)
        .where(
            ((row.low_id == viewer.id) & (row.high_id == other_id))
            | ((row.high_id == viewer.id) & (row.low_id == other_id)),
            _is_blocked(),
        )
        .exists()
    )


def blocked_with(viewer: Member | type[AnyViewer]) -> Any:
    """Return the ids of all with whom `blocked_between` holds, to select from: few, and read once where it is asked of thousands."""
    row = Relationship
    blocked = _is_blocked()
    return union_all(
        _unconnected(viewer, row.low_id, row.high_id, blocked), _unconnected(viewer, row.high_id, row.low_id, blocked)
    )


def _is_blocked() -> Any:
    return Relationship.low_blocked_at.is_not(None) | Relationship.high_blocked_at.is_not(None)


def _unconnected(viewer: Member | type[AnyViewer], mine: Any, others: Any, wanted: Any) -> Any:
    """Return the ids of those on the other side of the viewer's pairs that are no connections, for which this holds."""
    # The states lead the index past the 30,000 connections somebody may have; a block has ended the connection.
    return select(others.label("id")).where(mine == viewer.id, Relationship.state.in_(words_of(*NOT_CONNECTED)), wanted)


def blocked_by(viewer: Member | type[AnyViewer], other_id: Any) -> Any:
    """The SQL condition that the viewer blocks somebody; the other way round it tells nothing."""
    row = Relationship
    return (
        select(row.low_id)
        .where(
            ((row.low_id == viewer.id) & (row.high_id == other_id) & row.low_blocked_at.is_not(None))
            | ((row.high_id == viewer.id) & (row.low_id == other_id) & row.high_blocked_at.is_not(None))
        )
        .exists()
    )


def was_ended(viewer: Member, other: Member) -> bool:
    """Whether a connection of the two was ended by one of them, and nothing has come after."""
    low, high = store.ordered(viewer.id, other.id)
    row = db.session.get(Relationship, (low, high))
    return row is not None and row.state == "removed"


def as_seen_by(
    viewer: Member | type[AnyViewer], *only: Status, among: Sequence[int] | Literal["given"] | None = None
) -> Subquery:
    """Return the viewer's pairs, as something to select from and join members to; with `only`, those in one of these statuses.

    With `among`, only pairs with these members, found by key: as quick for a member with 30,000 pairs as for one with three. "given":
    with those whose ids are said as `among` when it runs, for a statement that is built once.

    Columns: `other_id`; `status`; `since`; `note` (what the other wrote to the viewer); `leaves_at` and `batch_id` of the viewer's own
    invitation; `may_ask_from` after an own withdrawal; `undo_until` of an answer or removal the viewer can still take back;
    `refused` whether the viewer does not want to be asked by them again. Who blocks the viewer is not among them, unless the viewer
    blocks them, too: an own block that vanished from the list would tell of theirs.
    """
    found = _pairs(viewer, *only, some=among is not None)
    if among is not None and among != "given":
        found = found.params(among=list(among))
    seen: Subquery = found.subquery("seen")
    return seen


@for_any_viewer
def _pairs(viewer: Member | type[AnyViewer], *only: Status, some: bool) -> Any:
    row = Relationship
    halves = [
        (_half(viewer, only, row.low_id, row.high_id, "low", "high"), row.high_id),
        (_half(viewer, only, row.high_id, row.low_id, "high", "low"), row.low_id),
    ]
    if some:
        given = select(values_given("among").c.value)
        halves = [(half.where(others.in_(given)), others) for half, others in halves]
    return union_all(*(half for half, _others in halves))


def _half(
    viewer: Member | type[AnyViewer], only: tuple[Status, ...], mine: Any, others: Any, me: str, other: str
) -> Any:
    row = Relationship

    def my(name: str) -> Any:
        return getattr(row, f"{me}_{name}")

    def their(name: str) -> Any:
        return getattr(row, f"{other}_{name}")

    asked_by_me = row.by_id == viewer.id
    is_open = row.state.in_(words_of("pending", "ignored"))
    free = my("blocked_at").is_(None)
    conditions: dict[str, Any] = {
        "blocked": my("blocked_at").is_not(None),
        "queued": free & my("held") & (my("leaves_at") > UNDO_ENDS),
        "held": free & my("held") & (my("leaves_at") <= UNDO_ENDS),
        "connected": free & (row.state == word("connected")),
        "invited": free & ~my("held") & is_open & asked_by_me,
        "received": free & ~my("held") & (row.state == word("pending")) & (row.by_id != viewer.id),
        "ignored": free & ~my("held") & (row.state == word("ignored")) & (row.by_id != viewer.id),
        "withdrawn": free & ~my("held") & (row.state == word("withdrawn")) & asked_by_me & (my("may_ask_from") > NOW),
        "removed": free & ~my("held") & (row.state == word("removed")) & asked_by_me,
    }
    status = case(*((condition, word(name)) for name, condition in conditions.items()), else_=word("none"))
    to_me = (row.by_id != viewer.id) & is_open
    undoable = (row.undo_by_id == viewer.id) & (row.undo_until >= NOW)
    seen = select(
        others.label("other_id"),
        status.label("status"),
        row.since.label("since"),
        case((to_me, their("note")), else_=word("")).label("note"),
        case((my("held"), my("leaves_at")), else_=null()).label("leaves_at"),
        case((my("held"), my("batch_id")), else_=cast(null(), Integer)).label("batch_id"),
        my("may_ask_from").label("may_ask_from"),
        case((undoable, row.undo_until), else_=null()).label("undo_until"),
        their("refused_at").is_not(None).label("refused"),
    ).where(mine == viewer.id, their("blocked_at").is_(None) | my("blocked_at").is_not(None))
    if only:
        wanted = conditions[only[0]]
        for name in only[1:]:
            wanted = wanted | conditions[name]
        seen = seen.where(wanted)
        if "connected" not in only:
            # Follows from each of the others, and leads the index past the 30,000 connections somebody may have.
            seen = seen.where(row.state.in_(words_of(*NOT_CONNECTED)))
    return seen


def undoable(viewer: Member | type[AnyViewer], *states: str) -> Subquery:
    """Return whom the viewer answered or removed and for how long that can be taken back, as something to join members to.

    Columns: `other_id`; `state`, as it is now, one of these; `undo_until`. Found by key, however many pairs the viewer has.
    """
    row = Relationship
    return (
        select(
            case((row.low_id == viewer.id, row.high_id), else_=row.low_id).label("other_id"), row.state, row.undo_until
        )
        .where(
            row.undo_by_id == viewer.id,
            row.undo_until >= NOW,
            row.state.in_(states),
            row.low_blocked_at.is_(None),
            row.high_blocked_at.is_(None),
        )
        .subquery("undoable")
    )


def concerned(viewer: Member | type[AnyViewer]) -> Any:
    """Return the ids of those with whom something is or was that makes it wrong to suggest them to the viewer, to select from.

    A block on either side, an invitation that is open or held by the viewer, one the viewer withdrew, a connection that ended. Not what
    the viewer may not know: the other's hold.
    """
    row = Relationship

    def half(mine: Any, others: Any, held: Any) -> Any:
        withdrawn = (row.state == word("withdrawn")) & (row.by_id == viewer.id)
        over = row.state.in_(words_of("pending", "ignored", "removed"))
        return _unconnected(viewer, mine, others, _is_blocked() | held | over | withdrawn)

    return union_all(half(row.low_id, row.high_id, row.low_held), half(row.high_id, row.low_id, row.high_held))


def note_between(by_id: int, to_id: int) -> str:
    """Return the note one member wrote to the other with an invitation that is open; for the mail that brings it."""
    low, high = (by_id, to_id) if by_id < to_id else (to_id, by_id)
    row = Relationship
    note = row.low_note if by_id == low else row.high_note
    found = select(note).where(row.low_id == low, row.high_id == high, row.state == "pending", row.by_id == by_id)
    return db.session.scalar(found) or ""


def own_notes(viewer: Member) -> Any:
    """Return what the viewer wrote with invitations of their own that are held or wait, as rows of (the other's id, the note)."""
    row = Relationship

    def half(mine: Any, others: Any, held: Any, note: Any) -> Any:
        waits = row.state.in_(("pending", "ignored")) & (row.by_id == viewer.id)
        return select(others.label("id"), note.label("note")).where(
            mine == viewer.id, row.state.in_(NOT_CONNECTED), note != "", held | waits
        )

    return union_all(
        half(row.low_id, row.high_id, row.low_held, row.low_note),
        half(row.high_id, row.low_id, row.high_held, row.high_note),
    )


def gets_card(pairs: Sequence[tuple[int, int]], *, welcome: bool = False) -> set[tuple[int, int]]:
    """Return those of (asker, asked) in which a card may appear.

    Not where one is blocked, connected, refused, quiet after a removal, or wants to be asked by nobody. Who wants to be asked by those
    near to them is asked: the asker knows their address. With `welcome`, each has let the asker ask, whatever they want of others.
    """
    given = rows_of([{"by": by, "to": to} for by, to in pairs], {"by": Integer(), "to": Integer()})
    row, now = Relationship, literal(clock.now(), Relationship.since.type)
    low = given.c.by < given.c.to
    refused = case((low, row.low_refused_at), else_=row.high_refused_at)
    quiet = case((low, row.low_quiet_until), else_=row.high_quiet_until)
    without = select(given.c.by, given.c.to).join(
        row,
        ((row.low_id == given.c.by) & (row.high_id == given.c.to))
        | ((row.low_id == given.c.to) & (row.high_id == given.c.by)),
    )
    barred = (
        row.low_blocked_at.is_not(None)
        | row.high_blocked_at.is_not(None)
        | (row.state == "connected")
        | refused.is_not(None)
        | (quiet > now)
    )
    closed = select(given.c.by, given.c.to).join(Member, Member.id == given.c.to).where(Member.askable == "nobody")
    out = without.where(barred) if welcome else union_all(without.where(barred), closed)
    return set(pairs) - {(found.by, found.to) for found in db.session.execute(out)}


def problems() -> list[str]:
    """Return where what is derived from the pairs disagrees with them, a sentence each; for `kith doctor`."""
    row = Relationship
    pairs = db.session.scalar(select(func.count()).where(row.state == "connected")) or 0
    rows = db.session.scalar(select(func.count()).select_from(Connection)) or 0
    matching = (
        db.session.scalar(
            select(func.count())
            .select_from(Connection)
            .join(
                row,
                ((row.low_id == Connection.member_id) & (row.high_id == Connection.other_id))
                | ((row.high_id == Connection.member_id) & (row.low_id == Connection.other_id)),
            )
            .where(row.state == "connected")
        )
        or 0
    )
    counted = select(Connection.member_id, func.count().label("number")).group_by(Connection.member_id).subquery()
    wrong = (
        db.session.scalar(
            select(func.count())
            .select_from(Member)
            .outerjoin(counted, counted.c.member_id == Member.id)
            .where(Member.degree != func.coalesce(counted.c.number, 0))
        )
        or 0
    )
    found = []
    if not pairs * 2 == rows == matching:
        found.append(
            f"{pairs} pairs are connected, but there are {rows} directed connections, {matching} of them rightly."
        )
    if wrong:
        found.append(f"{wrong} members have a wrong number of connections.")
    blobs = store.wrong_blobs()
    if blobs:
        found.append(f"{blobs} members have a list of connections that is not the one of the pairs.")
    return found
