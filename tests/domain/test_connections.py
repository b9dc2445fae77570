"""Connections: what the database looks at to show a page of them."""

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import sqlite

from tests import factories
from webapp import clock
from webapp.domain import connections, notifications, people
from webapp.extensions import db


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_a_page_far_in_begins_at_its_place_in_the_index(context):
    ana = factories.member("Ana")
    now = clock.now()
    for found, index in (
        (
            connections.after(connections.of(ana), "recent", now, 7),
            "connection_recent_index (member_id=? AND (since,other_id)<(?,?))",
        ),
        (people.after(people.best_connected(ana), 5, 7), "member_degree_index (degree<?)"),
        (
            notifications.after(notifications.of(ana), now, 7),
            "notification_member_id_index (member_id=? AND visible_from<?)",
        ),
    ):
        written = found.limit(25).compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
        plan = " ".join(row.detail for row in db.session.execute(text(f"EXPLAIN QUERY PLAN {written}")))
        assert index in plan
        assert "TEMP B-TREE" not in plan
