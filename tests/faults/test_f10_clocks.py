"""F10: the clock is wrong: two hours back, two hours ahead, more than a year ahead, and right again."""

import pytest

from tests import factories
from webapp import clock
from webapp.domain import messages, throttles
from webapp.domain.errors import TooMany
from webapp.jobs import lease
from webapp.keeping import serving
from webapp.transaction import transaction

LIMIT = throttles.SIGN_IN_PER_ACCOUNT


def fill(key):
    """Try until no more is heard."""
    with transaction():
        for _try in range(LIMIT.amount):
            throttles.take(LIMIT, key)
        with pytest.raises(TooMany):
            throttles.take(LIMIT, key)


@pytest.mark.parametrize("hours", [-2, -24 * 400, 2])
def test_f10_no_limit_lasts_longer_than_it_says(context, hours):
    fill("ada")
    clock.move(hours=hours)
    with transaction():
        if hours > 0:  # as if that time had passed
            throttles.take(LIMIT, "ada")
            return
        throttles.take(LIMIT, "ada")  # a window that ends so late never began
    clock.move(seconds=LIMIT.get_expiry() + 1)
    fill("ada")


def test_f10_who_counts_by_an_earlier_clock_begins_no_window_anew(context):
    """Of two who guess at the same moment, the one who read the clock first may count last; clocks of hosts differ, too."""
    fill("ada")
    clock.move(seconds=-5)
    with transaction(), pytest.raises(TooMany):
        throttles.take(LIMIT, "ada")


def test_f10_nobody_is_signed_out_by_a_clock_that_goes_back(context, as_member):
    ada = as_member(factories.member())
    for hours in (-2, 2, -2, 4):
        clock.move(hours=hours)
        assert ada.get("/feed").status_code == 200
        assert ada.post("/feed", {"body": f"After {hours}", "audience": "connections"}).status_code == 303
    clock.move(days=400)
    assert ada.get("/feed").status_code == 303, "90 days without a visit end a sign-in"


def test_f10_messages_stand_in_the_order_in_which_they_were_sent(context, as_member):
    ada, ben = factories.member("Ada"), factories.member("Ben")
    factories.connect(ada, ben)
    with transaction():
        messages.write_to(ada, ben, "first")
    key = messages.between(ada, ben)
    browser = as_member(ada)
    for hours, text in ((-2, "second"), (-2, "third"), (5, "fourth")):
        clock.move(hours=hours)
        assert browser.post(f"/messages/{key}", {"body": text}).status_code == 303
    page = browser.get(f"/messages/{key}").text
    places = [
        page.rindex(f">{text}<") if f">{text}<" in page else page.rindex(text)
        for text in ("first", "second", "third", "fourth")
    ]
    assert places == sorted(places)


@pytest.mark.parametrize("ends", [lambda: None, lambda: lease.give_back("work", "before")])
def test_f10_work_goes_on_when_a_clock_that_was_ahead_is_right_again(context, ends):
    """Whether the process of before was killed or stopped; and nothing waits for it that wants to be alone."""
    clock.move(hours=2)
    assert lease.take("work", "before")
    assert serving._elsewhere() == "before"
    ends()
    clock.move(hours=-2)
    assert serving._elsewhere() is None
    assert lease.take("work", "after")
    assert not lease.take("work", "another")
    assert serving._elsewhere() == "after"
