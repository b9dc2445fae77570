"""Statements that are built once. Putting one together takes ten times as long as asking it, and a page asks about eight.

What differs from one asking to the next are values, and these are given when a statement runs: whose id the viewer's is, which ids or
words are asked about, the moment (`base.NOW`). A statement without one of its values is refused by SQLAlchemy and asks nothing, so no
value of somebody else's can stand in for it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache, wraps
from string import ascii_lowercase
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Integer,
    Subquery,
    TableValuedAlias,
    Text,
    TypeDecorator,
    bindparam,
    cast,
    column,
    func,
    literal,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB

from webapp.models.base import db
from webapp.models.batch import is_sqlite
from webapp.models.member import AnyViewer

F = TypeVar("F", bound=Callable[..., Any])
Change = tuple[Any, Mapping[str, Any]]
"""A statement that is built once and changes rows, with its values."""


_forgetting: list[Callable[[], None]] = []


def forget() -> None:
    """Build everything anew when it is next asked for: for who looks at how it is built."""
    for each in _forgetting:
        each()


def built_once(build: F) -> F:
    """Build what the function returns once for each engine, and for each of its arguments: a few, such as the names of lists.

    A value that changes from one asking to the next must not be among them, nor be read inside.
    """
    made = cache(lambda _engine, *shape, **more: build(*shape, **more))
    _forgetting.append(made.cache_clear)

    @wraps(build)
    def get(*shape: Any, **more: Any) -> Any:
        return made(is_sqlite(), *shape, **more)

    return get  # type: ignore[return-value]


def for_any_viewer(build: F) -> F:
    """Build a statement about a viewer once, as `built_once` does, and give it the id of this one each time.

    What comes back can be narrowed, sorted, cut and put into another statement like any other, as long as all in it ask for the same
    viewer. Where several are looked at, only one of them may be given this way.
    """
    built = built_once(build)

    @wraps(build)
    def get(viewer: Any, *shape: Any, **more: Any) -> Any:
        found = built(AnyViewer, *shape, **more)
        return found if viewer is AnyViewer else found.params(viewer=viewer.id)

    return get  # type: ignore[return-value]


def word(text: str) -> Any:
    """Return one of our own words as part of a statement. Dozens of them as values, given anew each time, take longer than some answers.

    ValueError for anything but small letters and lines: nothing that somebody typed gets here.
    """
    if set(text) - {*ascii_lowercase, "_"}:
        raise ValueError(text)
    return literal_column(f"'{text}'", Text())


def words_of(*texts: str) -> list[Any]:
    """Return several of them, to choose among."""
    return [word(text) for text in texts]


def rows(statement: Any, values: Mapping[str, Any]) -> Sequence[Any]:
    """Return the rows of a statement about columns: past the ORM, which would look at each as if it could be an object."""
    db.session.flush()
    return db.session.connection().execute(statement, values).all()


def first_of(most: int, build: Callable[..., Any], viewer: Any, *shape: Any) -> Sequence[Any]:
    """Return the first rows of one of the viewer's lists. To put a limit on a list anew each time would take as long as to ask for it."""
    return db.session.execute(_first_of(most, build, *shape), {"viewer": viewer.id}).all()


@built_once
def _first_of(most: int, build: Callable[..., Any], *shape: Any) -> Any:
    return build(AnyViewer, *shape).limit(most)


class _Listed(TypeDecorator[Sequence[Any]]):
    """Values as the one parameter of `json_each`."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Sequence[Any] | None, dialect: Any) -> str:
        """Write them; None are none."""
        return json.dumps(list(value or ()))


def values_given(name: str = "given", kind: type[Integer | Text] = Integer) -> TableValuedAlias:
    """Return what `batch.values_of` returns, of values that are said under this name when the statement runs."""
    if is_sqlite():
        given = bindparam(name, type_=_Listed)
        return func.json_each(given).table_valued(column("value", kind()), name=name)
    listed: Any = ARRAY(Text() if kind is Text else BigInteger())
    array = cast(bindparam(name, type_=listed), listed)
    return func.unnest(array).table_valued(column("value", kind()), name=name).render_derived()


def rows_given(columns: Mapping[str, Any], name: str = "given") -> Subquery:
    """Return what `batch.rows_of` returns, of dictionaries that are said under this name when the statement runs."""
    given = bindparam(name, type_=_Listed)
    each: TableValuedAlias
    if is_sqlite():
        each = func.json_each(given).table_valued(column("value", Text()), name=f"{name}_each")
        picked = [cast(func.json_extract(each.c.value, f"$.{key}"), kind).label(key) for key, kind in columns.items()]
    else:
        array = func.jsonb_array_elements(cast(given, JSONB()))
        each = array.table_valued(column("value", JSONB()), name=f"{name}_each").render_derived()
        picked = [cast(each.c.value[key].astext, kind).label(key) for key, kind in columns.items()]
    return select(*picked).subquery(name)


def write(changes: Sequence[Change]) -> None:
    """Make changes of which none has to see another: one statement on PostgreSQL, where each would be waited for; on SQLite one each.

    A name of a value that two of them have means the same in both.
    """
    if not changes:
        return
    db.session.flush()
    connection = db.session.connection()
    if is_sqlite() or len(changes) == 1:
        for statement, values in changes:
            connection.execute(statement, values)
    else:
        together = _together(*(statement for statement, _values in changes))
        connection.execute(together, {name: value for _, values in changes for name, value in values.items()})


@built_once
def _together(*statements: Any) -> Any:
    return select(literal(1)).add_cte(*(each.cte(f"change_{number}") for number, each in enumerate(statements)))
