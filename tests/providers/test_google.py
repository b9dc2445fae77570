"""Google's People API, against the demo provider."""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.providers import live
from webapp.demo.provider.memory import CONTACTS
from webapp.providers.base import Card, ProviderError
from webapp.providers.google import Google

PATH = "/google/v1/people/me/connections"
OTHERS = "/google/v1/otherContacts"


def whole(token, **kwargs):
    pages = [Google().read(token, None, **kwargs)]
    while pages[-1].cursor:
        pages.append(Google().read(token, pages[-1].cursor, **kwargs))
    return pages


def failing(token, cursor=None):
    with pytest.raises(ProviderError) as caught:
        Google().read(token, cursor)
    return caught.value


def test_a_book_is_read_with_its_counts(registered, keys):
    (page,) = whole(keys("google", "ada@gmail.com"))
    assert page.cards[:2] == [
        Card("Grace Hopper", ("grace@navy.example", "g.hopper@yard.example")),
        Card("", ("nameless@x.example",)),
    ]
    assert (page.read, sum(each.is_usable for each in page.cards), page.total) == (6, 4, 6)


def test_an_empty_book_is_one_empty_page(registered, keys):
    (page,) = whole(keys("google", "empty@gmail.com"))
    assert (page.cards, page.read, page.cursor) == ([], 0, None)


def test_every_page_is_asked_for_with_the_same_parameters(registered, provider, keys):
    queries = []
    provider.then[PATH] = lambda response: queries.append(live.request.query_string.decode()) or response
    pages = whole(keys("google", "many@gmail.com"))
    assert [len(page.cards) for page in pages] == [1000, 1000, 500]
    assert [page.total for page in pages] == [2500] * 3
    first, *rest = [parse_qs(each) for each in queries]
    assert first == {
        "personFields": ["names,emailAddresses"],
        "sources": ["READ_SOURCE_TYPE_CONTACT"],
        "pageSize": ["1000"],
    }
    for each in rest:
        assert {name: value for name, value in each.items() if name != "pageToken"} == first


def test_other_contacts_are_read_only_when_they_are_asked_for(registered, provider, keys):
    token = keys("google", "ada@gmail.com")
    assert len(whole(token)) == 1
    assert provider.asked(OTHERS) == 0
    pages = whole(token, others=True)
    assert pages[-1].cards == [Card("Written To", ("written@x.example",))]
    assert pages[-1].total is None


def test_the_primary_name_and_address_come_first(registered, provider, keys):
    row = {
        "names": [{"displayName": "Second"}, {"displayName": "First", "metadata": {"primary": True}}],
        "emailAddresses": [{"value": "b@x.example"}, {"value": "a@x.example", "metadata": {"primary": True}}],
    }
    provider.change_json(PATH, lambda _found: {"connections": [row]})
    (page,) = whole(keys("google", "ada@gmail.com"))
    assert page.cards == [Card("First", ("a@x.example", "b@x.example"))]


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ([{"unstructuredName": "Ada L."}], "Ada L."),
        ([{"givenName": "Ada", "familyName": "Lovelace"}], "Ada Lovelace"),
        ([{"displayName": "  "}, {"displayName": "Ada"}], "Ada"),
        ([{"displayName": 7}], ""),
        ("Ada", ""),
        ([None], ""),
        (None, ""),
    ],
)
def test_a_name_is_taken_from_what_there_is(registered, provider, keys, names, shown):
    row = {"names": names, "emailAddresses": [{"value": "a@x.example"}]}
    provider.change_json(PATH, lambda _found: {"connections": [row]})
    (page,) = whole(keys("google", "ada@gmail.com"))
    assert page.cards == [Card(shown, ("a@x.example",))]


@pytest.mark.parametrize(
    "rows", [[None], ["x"], [{"emailAddresses": "x"}], [{"emailAddresses": [{"value": {}}]}], [{"emailAddresses": [3]}]]
)
def test_a_contact_of_another_shape_is_unusable(registered, provider, keys, rows):
    provider.change_json(PATH, lambda _found: {"connections": rows})
    (page,) = whole(keys("google", "ada@gmail.com"))
    assert [each.is_usable for each in page.cards] == [False]


def test_contacts_that_are_no_list_are_broken(registered, provider, keys):
    provider.change_json(PATH, lambda _found: {"connections": {}})
    assert failing(keys("google", "ada@gmail.com")).kind == "broken"


def test_a_page_without_contacts_and_with_a_next_one_is_normal(registered, provider, keys):
    token = keys("google", "many@gmail.com")
    provider.change_json(PATH, lambda found: {"nextPageToken": found["nextPageToken"]})
    page = Google().read(token, None)
    assert page.cards == []
    provider.reset()
    assert len(Google().read(token, page.cursor).cards) == 1000


def test_pages_that_go_in_circles_are_broken(registered, provider, keys):
    token = keys("google", "many@gmail.com")
    tokens = iter("abab")
    provider.faults[PATH] = lambda: live.jsonify(connections=[], nextPageToken=next(tokens))
    cursor = Google().read(token, None).cursor
    cursor = Google().read(token, cursor).cursor
    cursor = Google().read(token, cursor).cursor
    asked = provider.asked(PATH)
    assert failing(token, cursor).kind == "broken"
    assert provider.asked(PATH) == asked


def test_a_book_that_does_not_end_is_too_large(registered, provider, keys):
    token = keys("google", "many@gmail.com")
    numbers = iter(range(1000))
    provider.faults[PATH] = lambda: live.jsonify(connections=[], nextPageToken=str(next(numbers)))
    cursor = None
    for _ in range(300):
        cursor = Google().read(token, cursor).cursor
    assert failing(token, cursor).kind == "too_large"
    assert provider.asked(PATH) == 300


def test_a_key_that_was_ended_half_way_is_expired(registered, provider, keys):
    token = keys("google", "many@gmail.com")
    page = Google().read(token, None)
    provider.providers["google"].tokens[token].ended = True
    assert failing(token, page.cursor).kind == "expired"


def test_a_key_without_the_scope_is_told_apart(registered, keys):
    assert failing(keys("google", "ada@gmail.com", "openid")).kind == "forbidden_scope"


def test_a_key_for_contacts_only_does_not_open_the_others(registered, keys):
    token = keys("google", "ada@gmail.com", CONTACTS)
    page = Google().read(token, None, others=True)
    assert failing(token, page.cursor).kind == "forbidden_scope"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"details": [{"reason": "SERVICE_DISABLED"}]}, "api_disabled"),
        ({"errors": [{"reason": "accessNotConfigured"}]}, "api_disabled"),
        ({"errors": [{"reason": "insufficientPermissions"}]}, "forbidden_scope"),
        ({"errors": [{"reason": "userRateLimitExceeded"}]}, "busy"),
        ({"details": [{"reason": "RATE_LIMIT_EXCEEDED"}]}, "busy"),
        ({"details": "x", "errors": [None]}, "broken"),
        ("x", "broken"),
        (None, "broken"),
    ],
)
def test_a_403_is_told_by_its_reason(registered, provider, keys, error, kind):
    provider.faults[PATH] = live.answer(403, {"error": error})
    assert failing(keys("google", "ada@gmail.com")).kind == kind


def test_the_next_page_keeps_the_base_of_the_settings(registered, provider, keys):
    registered.config["KITH"] = registered.config["KITH"] | {"GOOGLE_CONTACTS_URL": f"{provider.url}/google/"}
    assert len(whole(keys("google", "ada@gmail.com"))) == 1
    assert urlsplit(provider.url).port
    assert provider.asked(PATH) == 1
