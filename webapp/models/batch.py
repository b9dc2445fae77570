"""Many values in one statement: the right shape for every batch, without a limit on how many."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Integer, TableValuedAlias, Text, cast, column, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSONB

from webapp.models.base import db


def is_sqlite() -> bool:
    """Whether the database of the running application is SQLite (else it is PostgreSQL)."""
    return db.engine.dialect.name == "sqlite"


def values_of(values: Sequence[int] | Sequence[str], name: str = "given") -> TableValuedAlias:
    """Return `values` as something to select from, with the one column `value`.

    `json_each` on SQLite, `unnest` of an array on PostgreSQL: one bound parameter whatever their number.
    """
    kind: Any = Text() if values and isinstance(values[0], str) else Integer()
    if is_sqlite():
        return func.json_each(json.dumps(list(values))).table_valued(column("value", kind), name=name)
    item: Any = kind if isinstance(kind, Text) else BigInteger()
    array = cast(literal(list(values), ARRAY(item)), ARRAY(item))
    return func.unnest(array).table_valued(column("value", kind), name=name).render_derived()


def rows_of(rows: Sequence[dict[str, Any]], columns: dict[str, Any], name: str = "given") -> Any:
    """Return dictionaries as something to select from: a subquery with the named columns, each cast to its type.

    One JSON parameter on both engines; values must be what JSON can carry.
    """
    text = json.dumps(list(rows))
    if is_sqlite():
        each = func.json_each(text).table_valued(column("value", Text()), name=f"{name}_each")
        picked = [cast(func.json_extract(each.c.value, f"$.{key}"), kind).label(key) for key, kind in columns.items()]
    else:
        array = func.jsonb_array_elements(cast(literal(text, Text()), JSONB()))
        each = array.table_valued(column("value", JSONB()), name=f"{name}_each").render_derived()
        picked = [cast(each.c.value[key].astext, kind).label(key) for key, kind in columns.items()]
    return select(*picked).subquery(name)


def insert_ignoring(model: Any, **values: Any) -> Any:
    """Return an INSERT of one row that does nothing where the row is there already; the same on both engines."""
    insert = sqlite.insert if is_sqlite() else postgresql.insert
    return insert(model).values(**values).on_conflict_do_nothing()
