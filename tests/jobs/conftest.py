"""The fixtures of what runs without a request."""

from tests.jobs.fixtures import *  # noqa: F403 - fixtures are found by name
