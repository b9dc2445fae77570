"""The fixtures of pages that talk to a provider, and of what they leave in the database."""

import pytest
from sqlalchemy import func, select

from tests.jobs.fixtures import *  # noqa: F403 - fixtures are found by name
from tests.providers.fixtures import *  # noqa: F403
from webapp.extensions import db


@pytest.fixture
def rows(context):
    """How many rows a table has."""

    def count(table):
        db.session.rollback()
        return db.session.scalar(select(func.count()).select_from(table))

    return count
