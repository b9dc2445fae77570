"""Invitation links: a member makes one, passes it on or prints it, and sees who came by it. The link is their yes to being asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import aliased

from webapp import addresses, clock, config, tokens
from webapp.domain import accounts, relationships, silence
from webapp.domain.errors import N_, Invalid, NotFound, Refused
from webapp.extensions import db
from webapp.models.batch import insert_ignoring
from webapp.models.built import built_once, rows, values_given
from webapp.models.link import Arrival, InviteLink
from webapp.models.member import IN_LISTS, AnyViewer, Member, visible

PURPOSE = "invite"
OPEN_MAX = 20
COMMENT_CHARACTERS = 100
DAYS = (7, 30, 90)
USES = (1, 10, 50, 200)


class Over(Refused):
    """The link leads nowhere: the same for whatever reason."""

    def __init__(self) -> None:
        super().__init__(N_("This invitation is no longer open."))


@dataclass(frozen=True)
class Met:
    """What came of using a link: whose it is, and whether the two are connected already, or asked."""

    owner: Member
    connected: bool


# For its owner


def make(viewer: Member, comment: str, days: int, uses: int, *, connects: bool, newest: str | None = "") -> InviteLink:
    """Return a new link of the viewer's. Refused beyond twenty that are open, Invalid for other times and numbers than those offered.

    `newest` is the key of the newest one when this was asked for, None for none: where one of this kind has come since, it was asked twice.
    Refused for who is silenced.
    """
    silence.check(viewer)
    problems = {}
    if len(comment.strip()) > COMMENT_CHARACTERS:
        problems["comment"] = N_("Use at most 100 characters")
    if days not in DAYS:
        problems["days"] = N_("Choose how long it is open")
    if uses not in USES:
        problems["uses"] = N_("Choose how many people can use it")
    if problems:
        raise Invalid(**problems)
    db.session.execute(select(Member.id).where(Member.id == viewer.id).with_for_update())
    latest: InviteLink | None = db.session.scalars(of(viewer).with_only_columns(InviteLink).limit(1)).first()
    if newest != "" and latest is not None and latest.key != newest and _is_same(latest, comment, days, uses, connects):
        return latest
    open_now = select(func.count()).select_from(InviteLink).where(InviteLink.member_id == viewer.id, is_open())
    if (db.session.scalar(open_now) or 0) >= OPEN_MAX:
        raise Refused(N_("You have twenty open links. Close one first"))
    now = clock.now()
    link = InviteLink(
        key=tokens.new(),
        member_id=viewer.id,
        comment=addresses.display_name(comment),
        created_at=now,
        expires_at=now + timedelta(days=days),
        uses=0,
        uses_max=uses,
        connects=connects,
    )
    db.session.add(link)
    db.session.flush()
    return link


def _is_same(link: InviteLink, comment: str, days: int, uses: int, connects: bool) -> bool:
    said = (addresses.display_name(comment), timedelta(days=days), uses, connects)
    return said == (link.comment, link.expires_at - link.created_at, link.uses_max, link.connects) and not link.uses


def of(viewer: Member, before: int | None = None) -> Any:
    """Return the viewer's links, the latest first, each with whether it is open; from a place on."""
    found = select(InviteLink, is_open().label("open")).where(InviteLink.member_id == viewer.id)
    return (found if before is None else found.where(InviteLink.id < before)).order_by(InviteLink.id.desc())


def one_of(viewer: Member, key: str) -> tuple[InviteLink, bool]:
    """Return one of the viewer's links and whether it is open; NotFound for anybody else's."""
    found = db.session.execute(of(viewer).where(InviteLink.key == key)).one_or_none()
    if found is None:
        raise NotFound
    return found[0], bool(found[1])


def close(viewer: Member, key: str) -> None:
    """Let nobody come by a link any more. Who came stays; closing twice is once."""
    link, _open = one_of(viewer, key)
    link.revoked_at = link.revoked_at or clock.now()


def arrivals(viewer: Member, link: InviteLink, before: int | None = None) -> Any:
    """Return who came by a link of the viewer's, the latest first, as the viewer may see them; from a place on."""
    found = (
        select(*IN_LISTS, Arrival.arrived_at.label("at"), Arrival.id.label("arrival_id"))
        .join(Arrival, Arrival.member_id == Member.id)
        .where(
            Arrival.link_id == link.id,
            Arrival.arrived_at.is_not(None),
            visible(),
            ~relationships.blocked_between(viewer, Member.id),
        )
        .order_by(Arrival.id.desc())
    )
    return found if before is None else found.where(Arrival.id < before)


def came_by(viewer: Member, ids: Sequence[int]) -> dict[int, str]:
    """Return what the viewer called the link by which each of these came, the latest of several; only of those who came by one."""
    return {row.member_id: row.comment for row in rows(_came_by(), {"viewer": viewer.id, "given": ids})}


@built_once
def _came_by() -> Any:
    given = values_given()
    return (
        select(Arrival.member_id, InviteLink.comment)
        .join(given, given.c.value == Arrival.member_id)
        .join(InviteLink, InviteLink.id == Arrival.link_id)
        .where(InviteLink.member_id == AnyViewer.id, Arrival.arrived_at.is_not(None))
        .order_by(Arrival.id)
    )


# For who comes


def token_of(link: InviteLink) -> str:
    """Return what stands in the address of a link."""
    return tokens.sign(PURPOSE, link.key)


def is_open() -> ColumnElement[bool]:
    """The SQL condition that somebody can come by a link now."""
    who = aliased(Member)
    may_invite = who.silenced_until.is_(None) | (who.silenced_until <= clock.now())
    owner = select(who.id).where(who.id == InviteLink.member_id, visible(who), may_invite)
    return (
        InviteLink.revoked_at.is_(None)
        & (InviteLink.expires_at > clock.now())
        & (InviteLink.uses < InviteLink.uses_max)
        & owner.exists()
    )


def behind(token: str, viewer: Member | None = None) -> tuple[InviteLink, Member]:
    """Return an open link and its owner, and use nothing up.

    Over for one that is forged, closed, expired or used up, and where the owner is gone or a block stands
    between them and the viewer.
    """
    key = tokens.signed(PURPOSE, token)
    if not isinstance(key, str):
        raise Over
    found = select(InviteLink, Member).join(Member, Member.id == InviteLink.member_id)
    found = found.where(InviteLink.key == key, is_open())
    if viewer is not None:
        found = found.where(~relationships.blocked_between(viewer, InviteLink.member_id))
    row = db.session.execute(found).one_or_none()
    if row is None:
        raise Over
    return row[0], row[1]


def sign_up(token: str, name: str, address: str, password_hash: str) -> Member | None:
    """Note a wish to join by a link; the answer is the same for everybody. Nothing is used up before the address is proven."""
    link, _owner = behind(token)
    member = accounts.sign_up(name, address, password_hash)
    if member is not None:
        db.session.add(Arrival(link_id=link.id, member_id=member.id))
        db.session.flush()
    return member


def arrive(member: Member) -> Met | None:
    """Use up the link by which a newcomer signed up, now that their address is proven. None for who came by none, or too late.

    Over for who came too late where joining is by invitation: there the link was what let them in.
    """
    waiting = select(Arrival, InviteLink, Member).join(InviteLink, InviteLink.id == Arrival.link_id)
    waiting = waiting.join(Member, Member.id == InviteLink.member_id)
    row = db.session.execute(waiting.where(Arrival.member_id == member.id, Arrival.arrived_at.is_(None))).one_or_none()
    if row is None:
        return None
    arrival, link, owner = row
    if _use_up(link):
        arrival.arrived_at = clock.now()
        return _meet(member, link, owner)
    if config.setting("JOIN") == "invitation":
        raise Over
    db.session.execute(delete(Arrival).where(Arrival.id == arrival.id))
    return None


def use(viewer: Member, token: str) -> Met:
    """Let a member use a link. It is used up once for each, and not for who is connected or has asked already.

    Over where it is not open any more; Refused for its own owner.
    """
    link, owner = behind(token, viewer)
    if owner.id == viewer.id:
        raise Refused(N_("This is your own link. Pass it on to others."))
    seen = relationships.as_seen_by(viewer, among=[owner.id])
    status = db.session.scalar(select(seen.c.status))
    if status == "connected" or (status in ("held", "queued", "invited") and not link.connects):
        return Met(owner, status == "connected")
    came = insert_ignoring(Arrival, link_id=link.id, member_id=viewer.id, arrived_at=clock.now())
    is_first = bool(db.session.execute(came).rowcount)  # type: ignore[attr-defined]
    if is_first and not _use_up(link):
        raise Over
    return _meet(viewer, link, owner)


def _use_up(link: InviteLink) -> bool:
    """Count one use; of two at once on the last one, one gets it."""
    counted = update(InviteLink).where(InviteLink.id == link.id, is_open()).values(uses=InviteLink.uses + 1)
    return bool(db.session.execute(counted.execution_options(synchronize_session=False)).rowcount)  # type: ignore[attr-defined]


def _meet(member: Member, link: InviteLink, owner: Member) -> Met:
    """Connect the two at once where the owner chose that, else ask; who was removed or refused is never connected by a link."""
    at_once = link.connects and relationships.gets_card([(member.id, owner.id)], welcome=True)
    if at_once and relationships.join(member, [owner]):
        return Met(owner, connected=True)
    return Met(owner, connected=relationships.invite(member, [owner], welcome=True).connected > 0)
