"""Ana and Ben, who know each other a little."""

import pytest

from tests import factories


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima")


@pytest.fixture
def ben(context):
    return factories.member("Ben Okafor")
