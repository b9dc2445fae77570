"""Making pages: a few at once in each process, however many threads it has, and who asked first is answered first.

Python runs one thread at a time. Thirty that make a page each take turns at every statement and every few milliseconds, which costs more
than a third of the processor, and all of them are ready late. The others wait here; who waits for anything else, or does something
slow, gives up the turn (`turns.give_up`). What writes waits for its own turn (`transaction.Writers`).
"""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask

from webapp import turns
from webapp.extensions import db
from webapp.transaction import SAFE_METHODS
from webapp.web.watching import PROBES

AT_ONCE = {"sqlite": 2, "postgresql": 4}
"""By engine: enough that one is made while another waits for the disk, or for the server's answer."""
LONGEST_SECONDS = 0.25
"""What takes longer, such as a large file that is put together, goes on beside the others. Pages take a tenth of that."""
PATIENCE_SECONDS = 3.0
"""A page waits no longer than that for others, as when a database hangs, and all of them."""


def bind(app: Flask) -> None:
    """Have the application make its pages so."""
    with app.app_context():
        at_once = AT_ONCE[db.engine.dialect.name]
    app.wsgi_app = Made(app.wsgi_app, at_once)  # type: ignore[method-assign]


class Made:
    """Lets so many requests that only show something go on at once. Probes go on always."""

    def __init__(self, answer: Callable[..., Iterable[bytes]], at_once: int) -> None:
        self.answer = answer
        self.turns = turns.Turns(at_once, LONGEST_SECONDS)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in SAFE_METHODS or environ["PATH_INFO"] in PROBES:
            return self.answer(environ, start_response)
        with self.turns.place(PATIENCE_SECONDS) as mine:
            before = turns.page.set(mine)
            try:
                return self.answer(environ, start_response)
            finally:
                turns.page.reset(before)
