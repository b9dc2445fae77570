"""The commands. Each says what it did; an error is one clear sentence and a non-zero exit."""

from webapp.cli import checking, members, running, starting, trying  # noqa: F401 - each adds its commands to the group
from webapp.cli.base import kith

__all__ = ["kith", "main"]


def main() -> None:
    """Run the command line."""
    kith()
