"""What requests bring is read in places that are counted, and not for ever."""

import socket

import pytest
from flask import request
from werkzeug.exceptions import ClientDisconnected, ServiceUnavailable

from webapp import turns
from webapp.web.bodies import Bodies, Kind, take

pytestmark = pytest.mark.parametrize("app", ["sqlite"], indirect=True)  # no database is asked


def test_whoever_takes_too_long_is_no_longer_listened_to(app):
    bodies = Bodies(files=Kind(1, 0.2))
    here, there = socket.socketpair()
    with here, there, here.makefile("rb") as arriving:
        there.sendall(b"--edge")
        with app.test_request_context("/", data=b"x" * 1000, content_type="text/plain", method="POST"):
            request.environ |= {"gunicorn.socket": here, "wsgi.input": arriving}
            with pytest.raises(ClientDisconnected):
                take(bodies, has_file=True)
        with app.test_request_context("/", data=b"next", content_type="text/plain", method="POST"):
            take(bodies, has_file=True)  # its place is free again
            assert request.environ["wsgi.input"].read() == b"next"


def test_the_places_of_files_and_of_the_rest_are_apart(app):
    bodies = Bodies(files=Kind(1, 60), rest=Kind(1, 60))
    with app.test_request_context("/", data={"a": "b"}, method="POST"):
        with bodies.place(has_file=True):
            take(bodies, has_file=False)
            with pytest.raises(ServiceUnavailable):
                take(bodies, has_file=True)
        take(bodies, has_file=True)


def test_pages_wait_for_nobody_who_brings_something(app):
    """Also where that comes with a GET, which some who want to be in the way send without ever ending it."""
    pages = turns.Turns(1)
    with pages.place(1) as mine, app.test_request_context("/", data={"a": "b"}):
        before = turns.page.set(mine)
        take(Bodies(), has_file=False)
        turns.page.reset(before)
        assert request.form["a"] == "b"
        assert not pages.places
