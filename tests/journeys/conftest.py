"""The fixtures of pages that talk to a provider."""

from tests.providers.fixtures import *  # noqa: F403 - fixtures are found by name
