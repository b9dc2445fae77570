"""The fixtures of what talks to a provider."""

from tests.providers.fixtures import *  # noqa: F403 - fixtures are found by name
