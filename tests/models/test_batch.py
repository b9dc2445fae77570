"""Batches are one statement on both engines."""

from sqlalchemy import BigInteger, Boolean, Text, select

from webapp.models.base import db
from webapp.models.batch import rows_of, values_of


def test_values_of_gives_numbers_and_texts_back(context):
    for values in ([1, 2, 3_000_000_000], ["a", "ü'\"b"], []):
        given = values_of(values)
        assert sorted(db.session.scalars(select(given.c.value))) == values


def test_rows_of_keeps_types_and_nulls(context):
    rows = [{"a": 1, "b": "x", "c": None, "d": True}, {"a": 2**40, "b": "ü", "c": 5, "d": False}]
    given = rows_of(rows, {"a": BigInteger, "b": Text, "c": BigInteger, "d": Boolean})
    found = [dict(row._mapping) for row in db.session.execute(select(given).order_by(given.c.a))]
    assert found == rows
