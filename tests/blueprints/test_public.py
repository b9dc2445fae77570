"""What anybody may see: the front page, and whether the instance lives."""

from datetime import datetime, timedelta

import pytest

from tests import factories
from webapp import clock
from webapp.jobs import health


def test_the_front_page_welcomes_a_visitor_and_leads_a_member_on(client, context, as_member):
    page = client.get("/")
    assert page.status_code == 200
    assert 'href="/signup"' in page.text
    assert 'href="/signin"' in page.text
    assert as_member(factories.member()).get("/").headers["Location"] == "/feed"


def test_livez_answers(client):
    assert client.get("/livez").text == "ok\n"


def test_readyz_answers_whether_a_request_could_write_and_nothing_else(client, monkeypatch):
    assert (client.get("/readyz").status_code, client.get("/readyz").text) == (200, "ok\n")
    monkeypatch.setattr(health, "is_ready", lambda: False)
    assert (client.get("/readyz").status_code, client.get("/readyz").text) == (503, "not ready\n")


def test_readyz_says_no_without_room_on_the_disk_or_with_another_revision(client, monkeypatch):
    monkeypatch.setattr(health, "FREE_BYTES", 2**62)
    assert client.get("/readyz").status_code == 503
    monkeypatch.undo()
    monkeypatch.setattr("webapp.schema.wanted", lambda: "another")
    assert client.get("/readyz").status_code == 503


def test_a_phone_can_put_the_community_on_its_home_screen(client):
    manifest = client.get("/manifest.webmanifest")
    assert manifest.mimetype == "application/manifest+json"
    assert manifest.json["name"] == "Northgate"
    for icon in manifest.json["icons"]:
        assert client.get(icon["src"]).status_code == 200


def test_an_unknown_address_is_a_page_with_a_way_back(client):
    page = client.get("/nowhere")
    assert page.status_code == 404
    assert 'href="/"' in page.text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("safe@kith.example", "mailto:safe@kith.example"),
        ("https://kith.example/security", "https://kith.example/security"),
    ],
)
def test_whom_to_tell_of_a_security_problem_is_found_by_machines(client, setting, given, said):
    setting(SECURITY_CONTACT=given)
    answer = client.get("/.well-known/security.txt")
    assert answer.content_type == "text/plain; charset=utf-8"
    lines = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert lines["Contact"] == said
    assert lines["Canonical"] == "http://127.0.0.1:8000/.well-known/security.txt"
    left = datetime.fromisoformat(lines["Expires"]) - clock.now()
    assert timedelta(days=150) < left < timedelta(days=365)


def test_without_somebody_to_tell_there_is_no_such_file(client):
    assert client.get("/.well-known/security.txt").status_code == 404
