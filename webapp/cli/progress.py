"""How far a command that takes long has come."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

_EVERY_SECONDS = 0.2


class Line:
    """One line on a terminal that says how far it is; nothing where nobody looks."""

    def __init__(self) -> None:
        self._shown, self._next = False, time.monotonic() + 0.5

    def __call__(self, what: str, done: int, total: int) -> None:
        if not sys.stderr.isatty() or time.monotonic() < self._next:
            return
        self._next, self._shown = time.monotonic() + _EVERY_SECONDS, True
        share = f": {100 * done // total} %" if total else ""
        click.echo(f"\r\x1b[K  {what}{share} ...", err=True, nl=False)

    def end(self) -> None:
        """Take the line away."""
        if self._shown:
            click.echo("\r\x1b[K", err=True, nl=False)


@contextmanager
def progress() -> Iterator[Line]:
    """Show how far something is, and turn what is refused into one sentence."""
    from webapp.keeping.errors import Refused

    line = Line()
    try:
        yield line
    except Refused as error:
        raise click.ClickException(str(error)) from None
    finally:
        line.end()
