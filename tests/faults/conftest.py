"""What the faults use."""

from tests.jobs.fixtures import *  # noqa: F403 - fixtures are found by name
