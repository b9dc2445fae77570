"""Saved searches: a search under a name, looked at once a day for people it did not find before, always as its owner."""

from array import array
from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import func, select

from webapp import clock, tokens
from webapp.domain import relationships, search, telling
from webapp.domain.errors import N_, Invalid, NotFound, Refused
from webapp.domain.search import Query
from webapp.extensions import db
from webapp.mail import outbox
from webapp.models.batch import values_of
from webapp.models.member import Member, visible
from webapp.models.saved_search import SavedSearch

KIND = "saved_search"
"""Of the notification and the mail."""
MOST = 20
NAME_CHARACTERS = 80
TOLD = 20
"""About so many new people a day a search tells at most."""
EVERY = timedelta(days=1)
MAIL_EVERY = timedelta(days=7)
TOGETHER = 10
"""So many searches are looked at in one transaction."""


def save(viewer: Member, name: str, query: Query) -> SavedSearch:
    """Keep a search under a name; whom it finds now is not new. Refused for one that finds too many, and beyond 20."""
    name = " ".join(name.split())
    if not name:
        raise Invalid(name=N_("Give it a name"))
    if len(name) > NAME_CHARACTERS:
        raise Invalid(name=N_("Use at most 80 characters here"))
    if not query.address():
        raise Refused(N_("Search for something first, then save it"))
    relationships.lock_members([viewer.id])
    asked_for = urlencode(query.address(), doseq=True)
    same = select(SavedSearch).where(
        SavedSearch.member_id == viewer.id, SavedSearch.name == name, SavedSearch.query == asked_for
    )
    there: SavedSearch | None = db.session.scalars(same.limit(1)).first()
    if there is not None:  # pressed twice
        return there
    mine = select(func.count()).select_from(SavedSearch).where(SavedSearch.member_id == viewer.id)
    if (db.session.scalar(mine) or 0) >= MOST:
        raise Refused(N_("You can save 20 searches. Delete one first"))
    found = search.every(viewer, query)
    if found is None:
        raise Refused(N_("This search finds too many people. Add a word or a filter, then save it"))
    now = clock.now()
    row = SavedSearch(
        key=tokens.new(),
        member_id=viewer.id,
        name=name,
        query=asked_for,
        known=_packed([hit.id for hit in found]),
        created_at=now,
        looked_at=now,
    )
    db.session.add(row)
    db.session.flush()
    return row


def of(viewer: Member) -> Sequence[SavedSearch]:
    """Return the viewer's saved searches by name."""
    mine = select(SavedSearch).where(SavedSearch.member_id == viewer.id)
    return db.session.scalars(mine.order_by(func.lower(SavedSearch.name), SavedSearch.id)).all()


def one_of(viewer: Member, key: str) -> SavedSearch:
    """Return one of the viewer's own, else NotFound."""
    found = db.session.scalar(select(SavedSearch).where(SavedSearch.key == key, SavedSearch.member_id == viewer.id))
    if found is None:
        raise NotFound
    return found


def asked(saved: SavedSearch) -> Query:
    """Return what a saved search looks for."""
    return search.asked(parse_qsl(saved.query))


def delete(viewer: Member, key: str) -> None:
    """Delete one of the viewer's own, and what was told of it."""
    db.session.delete(one_of(viewer, key))
    telling.forget(KIND, key)
    db.session.flush()


def look(now: datetime) -> int:
    """Look at the searches that are due, those that waited longest first, and tell their owners who is new; return how many were due."""
    due = (
        select(SavedSearch).where(SavedSearch.looked_at <= now - EVERY).order_by(SavedSearch.looked_at).limit(TOGETHER)
    )
    rows = db.session.scalars(due.with_for_update(skip_locked=True)).all()
    for saved in rows:
        saved.looked_at = now
        owner = db.session.scalar(select(Member).where(Member.id == saved.member_id, visible()))
        if owner is not None:
            _tell(owner, saved)
    return len(rows)


def _tell(owner: Member, saved: SavedSearch) -> None:
    """Tell who is found and was not before: everybody new inside Kith; and by a mail, a week after the one before at the soonest."""
    found = search.every(owner, asked(saved))
    if found is None:
        return
    known = array("i")
    known.frombytes(saved.known)
    ids = [hit.id for hit in found]
    new = [(owner.id, each) for each in ids if each not in set(known)][:TOLD]
    telling.tell(KIND, new, about=saved.key, mail="")
    saved.known = _packed([*ids, *_away(known)])
    now = clock.now()
    if new and (saved.mailed_at is None or saved.mailed_at <= now):  # else one waits already, and leads to these, too
        saved.mailed_at = now if saved.mailed_at is None else max(now, saved.mailed_at + MAIL_EVERY)
        outbox.put_many(KIND, new[:1], not_before=saved.mailed_at, facts={"about": saved.key})


def _away(known: Sequence[int]) -> list[int]:
    """Return those of these who leave; if they stay after all, they are not new."""
    given = values_of(list(known))
    leave = select(Member.id).where(Member.suspended_at.is_not(None) | Member.deleted_at.is_not(None))
    return list(db.session.scalars(leave.join(given, given.c.value == Member.id)))


def _packed(ids: Sequence[int]) -> bytes:
    return array("i", sorted(ids)).tobytes()
