"""The commands. Each says what it did; an error is one clear sentence and a non-zero exit."""

from webapp.cli import (  # noqa: F401 - each adds its commands to the group
    changing,
    checking,
    keeping,
    members,
    running,
    starting,
    trying,
)
from webapp.cli.base import kith

__all__ = ["kith", "main"]


def main() -> None:
    """Run the command line."""
    kith()
