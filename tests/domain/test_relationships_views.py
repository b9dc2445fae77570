"""How a member sees their pairs: what the database looks at to answer."""

import pytest
from sqlalchemy import select, text
from sqlalchemy.dialects import sqlite

from tests import factories
from webapp import clock
from webapp.domain import relationships
from webapp.extensions import db


def plan(found):
    """What SQLite would do for a Select, in one line. (PostgreSQL goes by what it has counted in its tables.)"""
    written = found.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    return " ".join(row.detail for row in db.session.execute(text(f"EXPLAIN QUERY PLAN {written}")))


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "statuses",
    [("blocked",), ("removed",), ("withdrawn",), ("received",), ("ignored",), ("held", "queued", "invited")],
)
def test_a_short_list_is_found_without_looking_at_every_connection(context, statuses):
    ana = factories.member("Ana")
    seen = relationships.as_seen_by(ana, *statuses)
    found = plan(select(seen.c.other_id))
    for side in ("low", "high"):
        assert f"relationship_{side}_index ({side}_id=? AND state=?" in found


def test_connections_are_still_seen_where_they_are_asked_for(context):
    ana, ben, cleo = (factories.member(name) for name in ("Ana", "Ben", "Cleo"))
    factories.connect(ana, ben)
    relationships.block(ana, cleo)
    db.session.commit()
    seen = relationships.as_seen_by(ana, "connected", "blocked")
    assert {(row.other_id, row.status) for row in db.session.execute(select(seen))} == {
        (ben.id, "connected"),
        (cleo.id, "blocked"),
    }


def test_the_notes_of_a_member_are_those_of_their_own_invitations_that_wait(context):
    ana, ben, cleo, dana = (factories.member(name) for name in ("Ana", "Ben", "Cleo", "Dana"))

    def notes(member):
        return dict(db.session.execute(relationships.own_notes(member)).all())

    relationships.invite(ben, [ana], note="to Ana")
    relationships.invite(ben, [cleo], note="to Cleo")
    relationships.invite(ben, [dana])
    db.session.commit()
    assert notes(ben) == {ana.id: "to Ana", cleo.id: "to Cleo"}  # held
    clock.move(seconds=61)
    relationships.release(clock.now())
    relationships.accept(cleo, [ben])
    db.session.commit()
    assert notes(ben) == {ana.id: "to Ana"}
    assert notes(ana) == {}
