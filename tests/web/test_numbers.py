"""Numbers that a request sends, and how long they may be."""

import pytest

from tests import factories
from webapp.domain import messages
from webapp.extensions import db
from webapp.models.base import LAST_MS
from webapp.web.numbers import as_number, as_numbers


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1.0", " 1", "1_0", "²", "١", "x", None, str(2**31), "9" * 19, "9" * 5_000]
)
def test_what_is_no_number_we_could_have_sent_is_none(text):
    assert as_number(text) is None


def test_numbers_are_read_and_others_passed_over():
    assert as_number("0") == 0
    assert as_number(LAST_MS, LAST_MS) == LAST_MS
    assert as_numbers(["7", "x", "9" * 5_000, str(2**31 - 1)]) == [7, 2**31 - 1]


LONG = ("9" * 10, "9" * 18, "9" * 40, "9" * 5_000)


@pytest.mark.parametrize("number", LONG, ids=len)
def test_a_number_of_any_length_breaks_nothing_wherever_it_is_sent(number, context, as_member):
    """Python refuses to read one of 4,301 digits, a database to compare one of 20, and no calendar has the year 33,658."""
    ana, ben = factories.member("Ana Lima", is_operator=True), factories.member("Ben Okafor")
    factories.connect(ana, ben)
    talk = messages.key_of(messages.write_to(ben, ana, "Hello"))
    db.session.commit()
    browser = as_member(ana)
    for path in (f"/settings/addresses/{number}", f"/mailbox/{number}", f"/photos/x-{number}.webp"):
        assert browser.get(path).status_code == 404
    for path in (f"/reports/{number}/settle", f"/settings/sign-ins/{number}/end", f"/settings/devices/{number}/revoke"):
        assert browser.post(path).status_code == 404
    assert browser.post(f"/people/{ben.handle}/card/every", {"every": number}).status_code == 422
    assert browser.post("/invitations/links", {"days": number, "uses": number}).status_code == 422
    assert browser.post("/invitations/answer/undo", {"until": number}).status_code in {404, 409}
    assert browser.post("/notifications/read", {"shown": f"{number},1"}).status_code == 303
    for name in ("after", "at", "version", "before", "last"):
        assert browser.get(f"/messages/{talk}/news?after=1&{name}={number}").status_code in {200, 204}
