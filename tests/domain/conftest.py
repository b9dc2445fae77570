"""The fixtures of the rules."""

from tests.domain.fixtures import *  # noqa: F403 - fixtures are found by name
