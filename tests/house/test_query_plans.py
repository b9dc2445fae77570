"""No page, no press of a button and no job makes the database read a table from end to end: that gets slower with every member who joins.

Asked of SQLite, which plans alike for small tables and large ones. PostgreSQL reads small tables whole; `make bench` shows what it does.
"""

import re
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event, select

from tests import crawl
from webapp import clock, jobs
from webapp.demo import community
from webapp.domain import search
from webapp.extensions import db
from webapp.models.member import Member

pytestmark = pytest.mark.parametrize("app", ["sqlite"], indirect=True)
ENDS = {"accounts.signout", "settings.end_others", "settings.end_sign_in"}


@contextmanager
def whole_reads():
    """Explain every statement of the block, each text once; yield what each reads whole that reads a table so.

    The first so many of a table, in no order or in that of an index, are not the whole.
    """
    asked, found = {}, {}

    def note(_connection, _cursor, statement, given, _context, many):
        asked.setdefault(statement, given[0] if many else given)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    tables = "|".join(table.name for table in db.metadata.sorted_tables)
    whole = re.compile(rf"SCAN ({tables})(_\d+)?\b")
    with db.engine.connect() as connection:
        for statement, given in asked.items():
            if not re.match("SELECT|INSERT|UPDATE|DELETE|WITH", statement):
                continue
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given).all()
            steps = [row.detail for row in rows]
            read = [step for step in steps if whole.match(step)]
            cut = "LIMIT" in statement and not any("TEMP B-TREE" in step for step in steps)
            if read and not cut:
                found[statement] = read


@pytest.fixture
def maya(context, as_member, tmp_path, monkeypatch):
    """A browser in the sample community, in which there is something of everything, and more people than a search reads."""
    monkeypatch.setattr(community, "MEMBERS", 60)
    monkeypatch.setattr(search, "FEW", 20)
    community.build(Path(tmp_path) / "books.json")
    return as_member(db.session.scalars(select(Member).where(Member.name == "Maya Lindqvist")).one())


def test_no_page_and_no_button_reads_a_table_whole(app, maya):
    with whole_reads() as of_pages:
        site = crawl.crawl(app, maya.get)
    assert len(site.pages) > 60
    assert of_pages == {}
    pressed = {}
    for path, text in site.texts.items():
        for form in crawl.forms(text, path):
            endpoint = crawl.endpoint_of(app, form.action, "POST")
            if endpoint and endpoint not in ENDS:
                pressed.setdefault((endpoint, *sorted(form.fixed)), form)
    statuses = Counter()
    with whole_reads() as of_buttons:
        for form in pressed.values():
            answer = maya.post(form.action, form.fixed | dict.fromkeys(form.free, "Something"))
            statuses[answer.status_code] += 1
    assert statuses[303] > 40
    assert of_buttons == {}


def test_no_job_reads_a_table_whole(maya):
    clock.move(days=1)
    with whole_reads() as of_jobs:
        jobs.run_due()
    assert of_jobs == {}
