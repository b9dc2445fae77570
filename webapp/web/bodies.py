"""What a request brings with it is read here, all at once and before anything else: a slow sender holds a thread meanwhile.

So only some requests may be bringing something at a time, those with files apart from the others, and none takes for ever. However
many send a byte a second, there are threads left for everybody else's pages.
"""

import contextlib
import io
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge, ServiceUnavailable

from webapp import turns

RETRY_SECONDS = 5


@dataclass(frozen=True)
class Kind:
    """How many such requests may be bringing something at once in a process, of its 32 threads, and for how many seconds each."""

    most: int
    seconds: float


FILES = Kind(8, 120)
"""10 MB come in that time over a line of 0.7 Mbit/s."""
REST = Kind(16, 20)


class _Arriving:
    """The requests of one kind that are bringing something at this moment, with the sockets they come by."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.places = threading.BoundedSemaphore(kind.most)
        self.open: dict[object, tuple[float, Any]] = {}


class Bodies:
    """The places of one process. A thread of its own ends what takes too long, as long as there is anything to watch."""

    def __init__(self, files: Kind = FILES, rest: Kind = REST) -> None:
        self.files, self.rest = _Arriving(files), _Arriving(rest)
        self.lock = threading.Lock()
        self.watching = False

    @contextlib.contextmanager
    def place(self, *, has_file: bool) -> Iterator[None]:
        """Hold a place while something is read; ServiceUnavailable, to be tried again, where there is none."""
        arriving = self.files if has_file else self.rest
        if not arriving.places.acquire(blocking=False):
            raise ServiceUnavailable(retry_after=RETRY_SECONDS)
        mark = object()
        try:
            with self.lock:
                # Under another server than ours there is no socket to be had, and its own limits hold.
                arriving.open[mark] = (time.monotonic() + arriving.kind.seconds, request.environ.get("gunicorn.socket"))
                if not self.watching:
                    self.watching = True
                    threading.Thread(target=self._watch, name="bodies", daemon=True).start()
            yield
        finally:
            with self.lock:
                del arriving.open[mark]
            arriving.places.release()

    def _watch(self) -> None:
        """Stop listening to whoever takes too long: the thread that waits for them then finds the end. Until nobody is waited for."""
        while True:
            time.sleep(min(self.files.kind.seconds, self.rest.kind.seconds, 1))
            now = time.monotonic()
            with self.lock:
                waiting = [*self.files.open.values(), *self.rest.open.values()]
                if not waiting:
                    self.watching = False
                    return
                for until, sock in waiting:
                    if until <= now:
                        _stop_listening(sock)


def _stop_listening(sock: Any) -> None:
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RD)


def take(bodies: Bodies, *, has_file: bool) -> None:
    """Read what the request brings: the fields and files of a form, or bytes that stand in `wsgi.input` again for whoever wants them."""
    if not request.content_length and "HTTP_TRANSFER_ENCODING" not in request.environ:
        return
    turns.give_up()  # what shows a page may bring something, too, and others' pages must not wait for it
    try:
        with bodies.place(has_file=has_file):
            if request.mimetype in {"multipart/form-data", "application/x-www-form-urlencoded"}:
                request.form  # noqa: B018 - reading it is what counts
            else:
                request.environ["wsgi.input"] = io.BytesIO(request.get_data(cache=True))
    except (RequestEntityTooLarge, ServiceUnavailable):
        _stop_listening(request.environ.get("gunicorn.socket"))  # else the server waits for the rest, to throw it away
        raise
