"""The words people are found by, indexed the way each engine does it best; both answer the same question alike.

On SQLite an FTS5 table of its own, kept in step by triggers on `member`; on PostgreSQL an index of `member.search_text`. Only who can be
seen is in either. What stands between two spaces is one word to both, as `domain/names` folded it.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    DDL,
    Index,
    Text,
    any_,
    bindparam,
    cast,
    column,
    event,
    func,
    literal,
    literal_column,
    select,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from webapp.models.base import db
from webapp.models.batch import is_sqlite, values_of
from webapp.models.member import Member

Terms = Sequence[Sequence[str]]
"""Of every group at least one: words as they are, and beginnings of words with a * behind them."""

_SEEN = "{0}.verified_at IS NOT NULL AND {0}.suspended_at IS NULL AND {0}.deleted_at IS NULL"
_ADD = f"INSERT INTO member_words(rowid, words) SELECT new.id, new.search_text WHERE {_SEEN.format('new')}"
_TAKE = (
    "INSERT INTO member_words(member_words, rowid, words)"
    f" SELECT 'delete', old.id, old.search_text WHERE {_SEEN.format('old')}"
)

# Beginnings of up to five letters have an index of their own. Positions and lengths are left out: nobody asks for them.
_OPTIONS = "content='', detail=none, columnsize=0, prefix='1 2 3 4 5', tokenize=\"ascii tokenchars '_'\""
_CHANGES = "search_text, verified_at, suspended_at, deleted_at"

SQLITE = (
    f"CREATE VIRTUAL TABLE member_words USING fts5(words, {_OPTIONS})",
    f"CREATE TRIGGER member_words_insert AFTER INSERT ON member BEGIN {_ADD}; END",
    f"CREATE TRIGGER member_words_update AFTER UPDATE OF {_CHANGES} ON member BEGIN {_TAKE}; {_ADD}; END",
    f"CREATE TRIGGER member_words_delete AFTER DELETE ON member BEGIN {_TAKE}; END",
)
_member: Any = Member.__table__
for _statement in SQLITE:
    _made: Any = DDL  # SQLAlchemy leaves it untyped
    event.listen(_member, "after_create", _made(_statement).execute_if(dialect="sqlite"))

# Made of the words themselves: PostgreSQL's own parser would cut them differently, by the language of the database.
_VECTOR = "array_to_tsvector(string_to_array(btrim({}search_text), ' '))"
Index(
    "member_words_index",
    text(_VECTOR.format("")),
    postgresql_using="gin",
    postgresql_where=text("verified_at IS NOT NULL AND suspended_at IS NULL AND deleted_at IS NULL"),
    _table=_member,
).ddl_if(dialect="postgresql")

_CHANGED = select(func.total_changes())
_fts5 = table("member_words", column("rowid"), column("member_words"))
_searched = table("member", column("id"), column("search_text")).alias("searched")


def hits(terms: Terms) -> Any:
    """Return the ids (one column) of all who can be seen and have one word of every group, in no order.

    Words are letters, digits and _ alone, so nothing in them means anything to either engine.
    """
    return _hits(literal(said(terms), Text()))


def hits_given(name: str) -> Any:
    """Return what `hits` returns, of what `said` makes of terms, given under this name when the statement runs."""
    return _hits(bindparam(name, type_=Text()))


def said(terms: Terms) -> str:
    """Return terms as this engine is asked for them."""
    if is_sqlite():
        return " AND ".join(f"({' OR '.join(map(_phrase, group))})" for group in terms)
    return " & ".join(f"({' | '.join(map(_lexeme, group))})" for group in terms)


def _hits(wanted: Any) -> Any:
    if is_sqlite():
        return select(_fts5.c.rowid.label("id")).where(_fts5.c.member_words.op("MATCH")(wanted))
    return _has(cast(wanted, TSQUERY()))


def among(found: Any) -> Any:
    """The SQL condition that a member is one of some hits: looked up one by one, however few of all members PostgreSQL expects.

    For IN it would rather read everybody, wherever more than a simple condition is to hold of them.
    """
    if is_sqlite():
        return Member.id.in_(found)
    return Member.id == any_(func.array(found.scalar_subquery()))


def purge(pages: int = 200) -> bool:
    """Rewrite about so many pages of the index without what was taken out of it; whether there may be more to do.

    SQLite keeps a word that was taken out in a part of its index that is not read any more, until that part is merged with the others.
    PostgreSQL vacuums by itself.
    """
    if not is_sqlite():
        return False
    before = db.session.scalar(_CHANGED)
    db.session.execute(text("INSERT INTO member_words(member_words, rank) VALUES ('merge', :pages)"), {"pages": -pages})
    return int(db.session.scalar(_CHANGED) or 0) - int(before or 0) > 1


def newest() -> Any:
    """Return by what to order hits so that who joined last comes first."""
    return _fts5.c.rowid.desc() if is_sqlite() else _searched.c.id.desc()


def beginnings(of: Sequence[str]) -> Any:
    """Return those of `of` with which a word of somebody begins who can be seen."""
    given = values_of(of)
    if is_sqlite():
        has = _fts5.c.member_words.op("MATCH")(literal('"') + given.c.value + literal('"*'))
        return select(given.c.value).where(select(_fts5.c.rowid).where(has).exists())
    wanted = cast(literal("'", Text()) + given.c.value + literal("':*", Text()), TSQUERY())
    return select(given.c.value).where(_has(wanted).exists())


def _has(wanted: Any) -> Any:
    has: Any = literal_column(_VECTOR.format("searched.")).op("@@")(wanted)
    return select(_searched.c.id).where(has, text(_SEEN.format("searched")))


def _phrase(term: str) -> str:
    return f'"{term[:-1]}"*' if term.endswith("*") else f'"{term}"'


def _lexeme(term: str) -> str:
    return f"'{term[:-1]}':*" if term.endswith("*") else f"'{term}'"
