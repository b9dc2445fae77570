"""One GET of a provider's JSON: a total deadline, a byte cap, no redirects, and never a key sent to a host other than the provider's."""

import contextlib
import json
import socket
import threading
import time
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from webapp import clock
from webapp.providers.base import WAIT_SECONDS_MAX, ProviderError
from webapp.providers.origins import same_origin
from webapp.transaction import slow

CONNECT_SECONDS = 3.0
PAGE_SECONDS = 30.0
PAGE_BYTES = 20_000_000
_PIECE = 65_536
_ERROR_BYTES = 65_536
_BUSY = 429
_GATEWAYS = frozenset({500, 502, 503, 504})


def get_json(
    base: str, url: str, token: str, *, seconds: float = PAGE_SECONDS, cap: int = PAGE_BYTES
) -> dict[str, Any]:
    """Return the JSON object at `url`, which must be of `base`'s origin, asking once with the key in `token`.

    Everything that can go wrong is a ProviderError: for a refusal it has the status and the answer's JSON (up to 64 kB).
    """
    url = same_origin(base, url)
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json", "Accept-Encoding": "gzip"}
    with Deadline(seconds) as deadline, Straight() as session:
        deadline.mount(session)
        try:
            answer = session.get(url, headers=headers, timeout=(CONNECT_SECONDS, seconds), stream=True)
            with contextlib.closing(answer):
                if answer.status_code != requests.codes.ok:
                    raise _refusal(answer, deadline)
                return _object(answer, read(answer, deadline, cap))
        except (requests.RequestException, HTTPError, OSError) as error:
            raise ProviderError("unavailable", deadline.why(error)) from None
        except (ValueError, RecursionError) as error:  # no JSON; or nested so deeply that reading it fails
            raise ProviderError("broken", f"an answer that is no JSON object ({type(error).__name__})") from None


class Straight(requests.Session):
    """A session that goes where it is told: no redirects, and neither the machine's proxies nor its .netrc."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return nothing. Merely not following would still read the redirect's body, whole and uncapped."""


def read(answer: requests.Response, deadline: "Deadline", cap: int) -> bytes:
    """Return the decoded body of a streamed answer, at most `cap` bytes; a read's own timeout stops neither a drip nor a bomb."""
    pieces: list[bytes] = []
    size = 0
    while piece := answer.raw.read1(_PIECE, decode_content=True):
        deadline.check()
        size += len(piece)
        if size > cap:
            raise ProviderError("too_large", f"more than {cap} bytes in one page")
        pieces.append(piece)
    deadline.check()
    return b"".join(pieces)


def _object(answer: requests.Response, body: bytes) -> dict[str, Any]:
    media = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise ProviderError("broken", "an answer of another type than JSON")
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ProviderError("broken", "an answer that is no JSON object")
    return found


def _refusal(answer: requests.Response, deadline: "Deadline") -> ProviderError:
    status = answer.status_code
    found: dict[str, Any] = {}
    with contextlib.suppress(ProviderError, ValueError, RecursionError):
        found = _object(answer, read(answer, deadline, _ERROR_BYTES))
    wait = retry_after(answer.headers.get("Retry-After"))
    detail = f"status {status}"
    if status == _BUSY:
        return ProviderError("busy", detail, retry_after=wait, status=status, answer=found)
    if status in _GATEWAYS:
        return ProviderError(
            "unavailable" if wait is None else "busy", detail, retry_after=wait, status=status, answer=found
        )
    if status == requests.codes.unauthorized:
        return ProviderError("expired", detail, status=status, answer=found)
    return ProviderError("broken", detail, status=status, answer=found)


def retry_after(text: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for (it may hold seconds or a date), at most 300; None without a usable one."""
    if not text:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), WAIT_SECONDS_MAX)
    try:
        moment = parsedate_to_datetime(text)
        seconds = (moment - clock.now()).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), WAIT_SECONDS_MAX)


class Deadline:
    """A total time for one call. When it is over, the call's sockets are shut, wherever the call is waiting: also in the headers."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._over = False
        self._timer = threading.Timer(seconds, self._shut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        slow("A provider is asked")
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            for each in self._sockets:
                each.close()
            self._sockets.clear()

    def check(self) -> None:
        """Raise ProviderError once the time is over."""
        if self._over or time.monotonic() > self._ends:
            raise ProviderError("unavailable", "too slow")

    def why(self, error: Exception) -> str:
        """Return what happened, for the log: the error's kind only, since its text may hold the address that was asked."""
        return "too slow" if self._over else f"no answer ({type(error).__name__})"

    def watch(self, new: socket.socket) -> socket.socket:
        """Shut this socket, too, when the time is over. A twin of it is kept: TLS takes the first one's descriptor away."""
        twin = new.dup()
        with self._lock:
            self._sockets.append(twin)
            if self._over:
                _shut(twin)
        return new

    def _shut(self) -> None:
        with self._lock:
            self._over = True
            for each in self._sockets:
                _shut(each)

    def mount(self, session: requests.Session) -> None:
        """Make every connection of a session one that ends with this deadline."""
        adapter = HTTPAdapter(max_retries=0)
        adapter.poolmanager.pool_classes_by_scheme = _watched(self)
        session.mount("http://", adapter)
        session.mount("https://", adapter)


def _shut(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)


def _watched(deadline: Deadline) -> dict[str, Any]:
    """Return urllib3's pools for connections whose sockets the deadline knows from the first moment, the TLS handshake included."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return deadline.watch(super()._new_conn())

    class Tls(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return deadline.watch(super()._new_conn())

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}
