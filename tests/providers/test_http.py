"""One GET of a provider's JSON: what may not happen."""

import gzip
import threading
import time
import tracemalloc

import pytest

from tests.providers import live
from webapp import clock
from webapp.providers import http
from webapp.providers.base import ProviderError
from webapp.providers.http import get_json, retry_after
from webapp.providers.origins import origin, same_origin

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def failing(url, base=None, **limits):
    with pytest.raises(ProviderError) as caught:
        get_json(base or url, url, "a-key", **limits)
    return caught.value


def test_the_json_object_is_returned_and_the_key_is_sent(provider):
    provider.faults["/google/any"] = live.answer(200, {"a": [1]})
    assert get_json(provider.url, f"{provider.url}/google/any?x=1", "a-key") == {"a": [1]}
    seen = [headers for path, headers in provider.seen if path == "/google/any"]
    assert seen[0]["Authorization"] == "Bearer a-key"


def test_a_link_is_put_together_anew_on_the_configured_base():
    assert same_origin("https://graph.example", "https://GRAPH.example:443/v1?a=1#b") == "https://graph.example/v1?a=1"


@pytest.mark.parametrize(
    "url", ["http://graph.example", "ftp://graph.example", "graph.example", "http://127.example.org"]
)
def test_only_https_or_loopback_is_asked(url):
    with pytest.raises(ProviderError):
        origin(url)


def test_a_redirect_is_not_followed(provider, trap):
    provider.faults["/google/any"] = live.answer(302, Location=trap.url)
    assert failing(f"{provider.url}/google/any").kind == "broken"
    trap.close()
    assert trap.connections == 0


@pytest.mark.parametrize(
    ("status", "headers", "kind", "after"),
    [
        (429, {}, "busy", None),
        (429, {"Retry-After": "7"}, "busy", 7),
        (429, {"Retry-After": "3600"}, "busy", 300),
        (503, {"Retry-After": "2"}, "busy", 2),
        (500, {}, "unavailable", None),
        (502, {}, "unavailable", None),
        (503, {}, "unavailable", None),
        (504, {}, "unavailable", None),
        (401, {}, "expired", None),
        (403, {}, "broken", None),
        (404, {}, "broken", None),
        (204, {}, "broken", None),
        (400, {}, "broken", None),
    ],
)
def test_a_refusal_is_told_by_kind(provider, status, headers, kind, after):
    provider.faults["/google/any"] = live.answer(status, {"error": {"code": status}}, **headers)
    error = failing(f"{provider.url}/google/any")
    assert (error.kind, error.retry_after, error.status) == (kind, after, status)
    assert provider.asked("/google/any") == 1  # tries are the browser's


def test_retry_after_may_be_a_date():
    later = clock.now().replace(microsecond=0)
    text = later.strftime("%a, %d %b %Y %H:%M:%S GMT")
    clock.move(seconds=-90)
    try:
        assert 85 <= retry_after(text) <= 95
        assert retry_after("Sun, 06 Nov 1994 08:49:37 GMT") == 0
    finally:
        clock.reset()


@pytest.mark.parametrize(
    "text", [None, "", "soon", "-5", "1.5", "\u0661", "Sun, 99 Nov 2094 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37"]
)
def test_an_unreadable_retry_after_is_none(text):
    assert retry_after(text) is None


@pytest.mark.parametrize(
    "fault",
    [
        live.answer(200, b"{}", Content_Type="text/html"),
        live.answer(200, b"<html>"),
        live.answer(200, b""),
        live.answer(200, b"[1]"),
        live.answer(200, b"null"),
        live.answer(200, b'{"a": '),
        live.answer(200, b"\xff\xfe{}"),
        live.answer(200, b'{"a":' * 50_000),
        live.answer(200, b'{"a": ' + b"9" * 5000 + b"}"),
        live.answer(200, b"not gzip", Content_Encoding="gzip"),
    ],
)
def test_what_is_no_json_object_is_broken(provider, fault):
    provider.faults["/google/any"] = fault
    assert failing(f"{provider.url}/google/any").kind in {"broken", "unavailable"}


def test_a_page_that_is_too_large_is_cut_off(provider):
    provider.faults["/google/any"] = live.answer(200, b'"' + b"x" * 300_000 + b'"')
    assert failing(f"{provider.url}/google/any", cap=100_000).kind == "too_large"


def test_a_bomb_is_not_inflated(provider):
    bomb = gzip.compress(b"0" * 200_000_000, 9)
    provider.faults["/google/any"] = live.answer(200, bomb, Content_Encoding="gzip")
    start = time.perf_counter()
    assert failing(f"{provider.url}/google/any").kind == "too_large"
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("status", [302, 404])
def test_a_bomb_in_a_refusal_is_not_inflated(provider, status):
    bomb = gzip.compress(b"0" * 200_000_000, 9)
    provider.faults["/google/any"] = live.answer(status, bomb, Content_Encoding="gzip", Location="/google/else")
    tracemalloc.start()
    try:
        assert failing(f"{provider.url}/google/any").kind == "broken"
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "slow",
    [
        HEAD + b"Content-Length: 5000\r\n\r\n" + b" " * 5000,
        b"HTTP/1.1 200 OK\r\n" + b"X-Drip: 1\r\n" * 60 + b"\r\n{}",
        b"HTTP/1.1 200 OK\r\nX-Drip: " + b"x" * 5000,
    ],
    ids=["body", "headers", "header"],
)
def test_a_drip_ends_at_the_deadline(raw, slow):
    server = raw(slow, pause=0.05, piece=1)
    start = time.perf_counter()
    error = failing(server.url, seconds=0.6)
    assert (error.kind, error.detail) == ("unavailable", "too slow")
    assert time.perf_counter() - start < 1.5


def test_silence_ends_at_the_deadline(raw):
    server = raw(b"x", pause=3)
    start = time.perf_counter()
    assert failing(server.url, seconds=0.5).kind == "unavailable"
    assert time.perf_counter() - start < 1.5


@pytest.mark.parametrize(
    "cut",
    [
        HEAD + b'Content-Length: 5000\r\n\r\n{"a": 1}',
        HEAD + b'Transfer-Encoding: chunked\r\n\r\n8\r\n{"a": 1}\r\n',
        HEAD + b'Transfer-Encoding: chunked\r\n\r\nffff\r\n{"a": 1}',
        b"",
        b"nonsense\r\n\r\n",
    ],
    ids=["length", "chunks", "chunk", "nothing", "nonsense"],
)
def test_an_answer_that_is_cut_off_is_not_taken_for_whole(raw, cut):
    assert failing(raw(cut).url).kind == "unavailable"


def test_nobody_listening_is_unavailable(trap):
    trap.close()
    assert failing(trap.url).kind == "unavailable"


def test_a_drip_in_the_handshake_ends_at_the_deadline(raw):
    server = raw(b"\x16\x03\x03\x40\x00" + b"x" * 5000, pause=0.05, piece=1)
    start = time.perf_counter()
    assert failing(server.url.replace("http:", "https:"), seconds=0.6).kind == "unavailable"
    assert time.perf_counter() - start < 1.5


def test_neither_the_machines_proxies_nor_its_netrc_are_used(provider, trap, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login eve password eve\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, trap.url)
    provider.faults["/google/any"] = live.answer(200, {})
    assert get_json(provider.url, f"{provider.url}/google/any", "a-key") == {}
    trap.close()
    assert trap.connections == 0


def test_no_timer_is_left_running(provider):
    provider.faults["/google/any"] = live.answer(200, {})
    for _ in range(5):
        get_json(provider.url, f"{provider.url}/google/any", "a-key")
    timers = [each for each in threading.enumerate() if isinstance(each, threading.Timer)]
    for each in timers:
        each.join(1)
    assert not [each for each in timers if each.is_alive()]


def test_an_error_tells_nothing_secret(provider):
    provider.faults["/google/any"] = live.answer(500, {"error": "a-key ada@example.org"})
    error = failing(f"{provider.url}/google/any?pageToken=secret")
    for text in (str(error), repr(error), error.detail):
        assert "a-key" not in text
        assert "secret" not in text
        assert "@" not in text


def test_the_limits_are_those_of_the_design():
    assert (http.CONNECT_SECONDS, http.PAGE_SECONDS, http.PAGE_BYTES) == (3, 30, 20_000_000)
