"""`make check` holds every branch of relationships and contacts covered, by the tests that say what these promise.

Measured while the whole suite runs, but only around those tests, and on SQLite: to measure all of it takes a third longer, to run them
twice a minute more. The races and the machine reach the same branches, slowly.
"""

import os
from fnmatch import fnmatch

import coverage
import pytest

TESTS = (
    "tests/domain/test_relationships*.py",
    "tests/domain/test_contacts_*.py",
    *(
        f"tests/domain/test_{name}.py"
        for name in ("acts", "choices", "circles", "guests", "leaving", "messages", "moderation", "people")
    ),
    *(
        f"tests/blueprints/test_{name}.py"
        for name in ("connections", "contacts", "contacts_ledger", "contacts_screens", "invitations")
    ),
    "tests/trust/test_address_books.py::test_08_*",
)
worker = os.environ.get("PYTEST_XDIST_WORKER", "")
measured = coverage.Coverage(data_suffix=worker or "alone") if os.environ.get("COVERING") else None
if measured:
    measured.start()  # before anything of ours is imported: a def is a line, too


def pytest_collection_finish():
    """Everything is imported: from here on only what is asked for."""
    if measured:
        measured.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Measure a test that counts."""
    counts = measured and "postgresql" not in item.name and any(fnmatch(item.nodeid, f"{each}*") for each in TESTS)
    if counts:
        from webapp.models import built

        built.forget()  # a statement may have been built by a test that does not count
        measured.start()
    try:
        return (yield)
    finally:
        if counts:
            measured.stop()


def pytest_sessionfinish(session):
    """Write down what was reached. (The process that only hands out the tests has run none.)"""
    if measured and (worker or not session.config.getoption("numprocesses", None)):
        measured.save()
