"""How pages ask PostgreSQL: without transactions, in statements that are planned once, over connections that still hold."""

import pytest
from sqlalchemy import text

from tests import factories
from webapp.extensions import db
from webapp.transaction import PATIENCE_MS, for_one_statement
from webapp.web.access import unasked

pytestmark = pytest.mark.parametrize("app", ["postgresql"], indirect=True)
PLANNED = 5
"""How often psycopg asks a statement before it has the server plan it:
https://www.psycopg.org/psycopg3/docs/advanced/prepare.html"""


@pytest.fixture
def ada(context):
    """A member who has been here today: what is noted of the first page of a day has been written."""
    member = factories.member("Ada Lovelace")
    db.session.commit()
    return member


def asked(statement):
    """Ask over the connection that was used last."""
    with for_one_statement(db.engine).connect() as connection:
        return connection.execute(text(statement)).all()


def test_what_pages_ask_again_and_again_is_planned_once(ada, as_member):
    browser = as_member(ada)
    db.session.remove()
    for _time in range(2 * PLANNED):
        assert browser.get("/settings").status_code == 200
    planned = [row.statement for row in asked("SELECT statement FROM pg_prepared_statements")]
    assert all(any(table in each for each in planned) for table in ("member.handle", "notification")), planned


def test_who_waits_for_a_lock_hears_in_time_whatever_they_ask(ada):
    [(waits,)] = asked("SHOW lock_timeout")
    assert waits == f"{PATIENCE_MS // 1000}s"
    with db.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        assert connection.scalar(text("SHOW lock_timeout")) == "0"  # a backup waits for a change of the schema


def test_a_server_that_ended_all_connections_costs_no_page(ada, as_member):
    browser = as_member(ada)
    assert browser.get("/feed").status_code == 200
    db.session.remove()
    [(before,)] = asked("SELECT pg_backend_pid()")
    with db.engine.connect() as other:  # the connection used last, which another one ends
        with db.engine.connect() as one_more:
            one_more.execute(text("SELECT pg_terminate_backend(:pid, 9000)"), {"pid": before})
        assert other.connection.driver_connection.info.backend_pid == before
    for _time in range(3):
        assert browser.get("/feed").status_code == 200
    [(after,)] = asked("SELECT pg_backend_pid()")
    assert after != before


def test_rows_that_come_as_they_are_wanted_come_to_a_page_too(app, ada, monkeypatch):
    def some():
        rows = db.session.execute(text("SELECT generate_series(1, 1000)").execution_options(yield_per=10))
        first = [next(rows)[0] for _ in range(15)]
        rows.close()
        return str(sum(first))

    monkeypatch.setitem(app.view_functions, "public.livez", unasked(some))
    assert app.test_client().get("/livez").text == "120"


def test_a_page_that_writes_outside_a_transaction_fails(app, ada, monkeypatch):
    def rename():
        db.session.execute(text("UPDATE member SET name = 'Somebody else'"))
        return "done"

    monkeypatch.setitem(app.view_functions, "public.livez", unasked(rename))
    assert app.test_client().get("/livez").status_code == 500
    db.session.rollback()
    assert ada.name == "Ada Lovelace"
