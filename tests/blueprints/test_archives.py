"""Your data, by browser: what can be taken along at once, and the archive, asked for and handed out with the password."""

import io
import re
import zipfile

import pytest

from tests import factories
from tests.archives import files
from webapp import clock, jobs
from webapp.domain import archives
from webapp.extensions import db
from webapp.jobs import archives as building
from webapp.models.archive import Archive
from webapp.models.member import Member
from webapp.transaction import transaction

URL = "/settings/export"
RIGHT, WRONG = {"password": factories.PASSWORD}, {"password": "not hers"}


@pytest.fixture
def ana(context):
    with transaction():
        archives.sweep(clock.now())
    return factories.member("Ana Lima", "ana@example.org")


@pytest.fixture
def browser(ana, as_member):
    return as_member(ana)


def words(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).split())


def test_the_page_leads_to_every_way_out_and_stands_among_the_settings(browser):
    assert f'href="{URL}"' in browser.get("/settings").text
    page = browser.get(URL)
    for link in ("/cards/csv", "/cards/vcard", "/cards/vcard?version=3"):
        assert f'href="{link}"' in page.text
    assert "Make the archive" in words(page)
    for part in archives.PARTS:
        assert part.what in page.text


def test_the_password_is_asked_for_before_and_after(browser, ana):
    for given in (WRONG, {}):
        answer = browser.post(URL, {"do": "ask", **given})
        assert answer.status_code == 422
        assert "That is not your password" in words(answer)
    assert db.session.get(Archive, ana.id) is None
    assert browser.post(URL, {"do": "ask", **RIGHT}).headers["Location"] == URL
    assert "Your archive waits to be made" in words(browser.get(URL))
    jobs.run_due()
    page = browser.get(URL)
    assert "Your archive is ready" in words(page)
    assert "data-look" not in re.search(r'id="archives-archive"[^>]*>', page.text)[0]
    for given in (WRONG, {}):
        answer = browser.post(URL, {"do": "download", **given})
        assert (answer.status_code, answer.mimetype) == (422, "text/html")
    answer = browser.post(URL, {"do": "download", **RIGHT})
    assert answer.mimetype == "application/zip"
    assert answer.headers["Content-Disposition"].startswith(f"attachment; filename=kith-{ana.handle}-20")
    assert "no-store" in answer.headers["Cache-Control"]
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    assert zipfile.ZipFile(io.BytesIO(answer.data)).testzip() is None


def test_wrong_passwords_are_counted_with_those_of_the_sign_in_page(browser):
    for _ in range(10):
        browser.post(URL, {"do": "ask", **WRONG})
    answer = browser.post(URL, {"do": "ask", **RIGHT})
    assert answer.status_code == 429
    assert "Too many tries" in words(answer)
    assert int(answer.headers["Retry-After"]) > 0


def test_the_page_looks_how_far_it_is_while_it_is_made_and_without_a_script_there_is_a_link(browser, ana):
    browser.post(URL, {"do": "ask", **RIGHT})
    with transaction():
        claimed = archives.claim()
    with transaction():
        archives.say(claimed, 30, 120)
    page = browser.get(URL)
    assert "Your archive is being made: 25 %" in words(page)
    part = browser.part(URL, method="GET").text
    assert "<html" not in part
    for html in (page.text, part):
        assert re.search(rf'id="archives-archive"[^>]* hx-get="{URL}" hx-trigger="look"[^>]* data-look="2"', html)
        assert '<progress value="30" max="120"' in html
        assert f'<a class="btn" href="{URL}">Reload</a>' in html


def test_it_can_be_stopped_deleted_and_made_again(browser, ana):
    browser.post(URL, {"do": "ask", **RIGHT})
    assert browser.post(f"{URL}/discard").headers["Location"] == URL
    assert "The archive is deleted" in words(browser.get(URL))
    jobs.run_due()
    assert files() == []
    browser.post(URL, {"do": "ask", **RIGHT})
    jobs.run_due()
    [first] = files()
    browser.post(URL, {"do": "ask", **RIGHT})
    jobs.run_due()
    [second] = files()
    assert first != second
    browser.post(f"{URL}/discard")
    assert files() == []
    answer = browser.post(URL, {"do": "download", **RIGHT})
    assert (answer.status_code, "The archive is gone. Have it made again" in words(answer)) == (409, True)


def test_a_failure_and_a_damaged_file_are_said(browser, ana, monkeypatch):
    browser.post(URL, {"do": "ask", **RIGHT})
    monkeypatch.setattr(archives, "photo", None)
    assert building.build_due()
    assert "The archive could not be made" in words(browser.get(URL))
    monkeypatch.undo()
    browser.post(URL, {"do": "ask", **RIGHT})
    jobs.run_due()
    [path] = files()
    path.write_bytes(b"x" * 100)
    answer = browser.post(URL, {"do": "download", **RIGHT})
    assert (answer.status_code, "can&#39;t be read any more" in answer.text) == (409, True)


def test_the_seventh_of_a_day_is_refused(browser):
    for _ in range(6):
        browser.post(URL, {"do": "ask", **RIGHT})
        jobs.run_due()
    answer = browser.post(URL, {"do": "ask", **RIGHT})
    assert (answer.status_code, "six archives made today" in words(answer)) == (429, True)
    assert "Your archive is ready" in words(answer)


def test_the_archive_of_one_is_nothing_to_another(browser, ana, as_member):
    browser.post(URL, {"do": "ask", **RIGHT})
    jobs.run_due()
    ben = as_member(factories.member("Ben Okafor"))
    assert "Your archive is ready" not in words(ben.get(URL))
    assert ben.post(URL, {"do": "download", **RIGHT}).status_code == 409
    ben.post(f"{URL}/discard")
    assert "Your archive is ready" in words(browser.get(URL))


def test_signing_out_everywhere_else_deletes_it_and_the_notification_leads_to_the_page(browser, ana):
    browser.post(URL, {"do": "ask", **RIGHT})
    jobs.run_due()
    told = browser.get("/notifications")
    assert "your archive is ready. You can download it for 24 hours" in words(told)
    assert f'href="{URL}"' in told.text.split('id="main"')[1]
    factories.sign_in(db.session.get_one(Member, ana.id))
    assert browser.post("/settings/sign-ins/end").status_code == 303
    assert "Make the archive" in words(browser.get(URL))
    jobs.housekeeping.tidy()
    assert files() == []
