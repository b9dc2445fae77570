"""The fixtures of what is tried in a real browser."""

from tests.browser.fixtures import *  # noqa: F403 - fixtures are found by name
