"""No page, no press of a button and no job makes the database read a table from end to end: that gets slower with every member who joins.

Asked of SQLite, which plans alike for small tables and large ones. PostgreSQL reads small tables whole; `make bench` shows what it does.
"""

import re
from collections import Counter
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from tests import crawl
from webapp import clock, jobs
from webapp.domain import search
from webapp.extensions import db
from webapp.jobs import housekeeping

NEVER_MANY = (
    "SCAN address_book_import",
    "SCAN archive USING COVERING INDEX sqlite_autoindex_archive_1",
    "member_hidden_index",
    "member_special_index",
    "outgoing_mail_claimed_index",
    "outgoing_mail_due_index",
    "outgoing_mail_trouble_index",
)
"""Address books that are open within the hour, and archives of a day; the few members who are suspended or leave, who run the site, or
are not confirmed; mails that wait, or went wrong."""
pytestmark = pytest.mark.parametrize("app", ["sqlite"], indirect=True)


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
            read = [step for step in steps if whole.match(step) and not step.endswith(NEVER_MANY)]
            cut = "LIMIT" in statement and not any("TEMP B-TREE" in step for step in steps)
            if read and not cut:
                found[statement] = read


@pytest.fixture
def maya(sample, as_member, monkeypatch):
    """A browser in the sample community, where there are more people than a search reads."""
    monkeypatch.setattr(search, "FEW", 20)
    return as_member(sample)


def test_no_page_and_no_button_reads_a_table_whole(app, maya):
    with whole_reads() as of_pages:
        site = crawl.crawl(app, maya.get)
    assert len(site.pages) > 60
    assert of_pages == {}
    pressed = {}
    for path, text in site.texts.items():
        for form in crawl.forms(text, path):
            endpoint = crawl.endpoint_of(app, form.action, "POST")
            if endpoint and endpoint not in crawl.ENDS:
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
        housekeeping.tidy()
    assert of_jobs == {}
