"""Fixtures that every test may use."""

import pytest

from webapp import clock, create_app


@pytest.fixture(autouse=True)
def _clock():
    yield
    clock.reset()


@pytest.fixture
def app(tmp_path):
    return create_app({"INSTANCE": str(tmp_path / "instance")})


@pytest.fixture
def client(app):
    return app.test_client()
