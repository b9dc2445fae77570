"""Microsoft Graph, against the demo provider."""

import pytest

from tests.providers import live
from webapp.providers.base import Card, ProviderError
from webapp.providers.microsoft import Microsoft

PATH = "/microsoft/v1.0/me/contacts"
FOLDERS = "/microsoft/v1.0/me/contactFolders"


def whole(token):
    pages = [Microsoft().read(token, None)]
    while pages[-1].cursor:
        pages.append(Microsoft().read(token, pages[-1].cursor))
    return pages


def failing(token, cursor=None):
    with pytest.raises(ProviderError) as caught:
        Microsoft().read(token, cursor)
    return caught.value


def test_the_main_folder_and_then_every_other_one_is_read(registered, keys):
    cards = [card for page in whole(keys("microsoft", "ada@gmail.com")) for card in page.cards if card.is_usable]
    assert cards == [
        Card("Grace Hopper", ("grace@navy.example", "g.hopper@yard.example")),
        Card("", ("nameless@x.example",)),
        Card("Written To", ("written@x.example",)),
        Card("Choir Friend", ("alto@choir.example",)),
        Card("Tennis Friend", ("ace@tennis.example",)),
    ]


def test_a_folder_within_a_folder_is_read(registered, provider, keys):
    provider.faults[f"{FOLDERS}/outer/contacts"] = live.answer(200, {"value": []})
    provider.faults[f"{FOLDERS}/outer/childFolders"] = live.answer(200, {"value": [{"id": "in/ner"}, {"id": 7}, None]})
    provider.faults[f"{FOLDERS}/in/ner/contacts"] = live.answer(
        200, {"value": [{"displayName": "Deep", "emailAddresses": [{"address": "deep@x.example"}]}]}
    )
    provider.faults[f"{FOLDERS}/in/ner/childFolders"] = live.answer(200, {"value": []})
    provider.faults[FOLDERS] = live.answer(200, {"value": [{"id": "outer"}]})
    cards = [card for page in whole(keys("microsoft", "empty@gmail.com")) for card in page.cards]
    assert cards == [Card("Deep", ("deep@x.example",))]


def test_the_links_are_followed_as_they_are_and_the_count_feeds_the_bar(registered, provider, keys):
    queries = []
    provider.then[PATH] = lambda response: queries.append(live.request.query_string.decode()) or response
    pages = whole(keys("microsoft", "many@gmail.com"))
    assert [len(page.cards) for page in pages] == [1000, 1000, 500, 0]
    assert [page.total for page in pages] == [2500, None, None, None]
    assert queries[0] == "$select=displayName,givenName,surname,emailAddresses&$top=1000&$count=true"
    assert len(queries) == 3


@pytest.mark.parametrize(
    "link",
    [
        "{trap}/v1.0/me/contacts?$skip=10",
        "https://127.0.0.1/v1.0/me/contacts",
        "file:///etc/passwd",
        "http://x@127.0.0.1/",
        7,
        {},
    ],
)
def test_a_link_that_leads_elsewhere_is_broken_and_never_asked(registered, provider, keys, trap, link):
    text = link.format(trap=trap.url) if isinstance(link, str) else link
    provider.change_json(PATH, lambda found: found | {"@odata.nextLink": text})
    assert failing(keys("microsoft", "ada@gmail.com")).kind == "broken"
    trap.close()
    assert trap.connections == 0


def test_a_page_that_points_to_itself_is_broken(registered, provider, keys):
    token = keys("microsoft", "ada@gmail.com")
    provider.change_json(PATH, lambda found: found | {"@odata.nextLink": live.request.url})
    page = Microsoft().read(token, None)
    assert failing(token, page.cursor).kind == "broken"
    assert provider.asked(PATH) == 1


@pytest.mark.parametrize(
    ("row", "card"),
    [
        ({"givenName": "Ada", "surname": "Lovelace", "emailAddresses": [{"address": "a@x.example"}]}, "Ada Lovelace"),
        ({"displayName": None, "surname": "Lovelace", "emailAddresses": [{"address": "a@x.example"}]}, "Lovelace"),
        ({"displayName": "a@x.example", "emailAddresses": [{"address": "a@x.example"}]}, ""),
        ({"displayName": 3, "emailAddresses": [None, {"address": "a@x.example"}]}, ""),
    ],
)
def test_a_name_is_taken_from_what_there_is(registered, provider, keys, row, card):
    provider.change_json(PATH, lambda _found: {"value": [row]})
    assert Microsoft().read(keys("microsoft", "ada@gmail.com"), None).cards == [Card(card, ("a@x.example",))]


@pytest.mark.parametrize(
    "row", [None, {}, {"emailAddresses": None}, {"emailAddresses": [{"address": "/o=Firm/cn=ada"}]}]
)
def test_a_contact_without_an_address_is_unusable(registered, provider, keys, row):
    provider.change_json(PATH, lambda _found: {"value": [row]})
    page = Microsoft().read(keys("microsoft", "ada@gmail.com"), None)
    assert [each.is_usable for each in page.cards] == [False]


def test_an_answer_without_a_list_is_broken(registered, provider, keys):
    provider.change_json(PATH, lambda _found: {"value": None})
    assert failing(keys("microsoft", "ada@gmail.com")).kind == "broken"


def test_a_missing_scope_and_an_ended_key_are_told_apart(registered, keys):
    assert failing(keys("microsoft", "ada@gmail.com", "openid")).kind == "forbidden_scope"
    assert failing("no-key").kind == "expired"


def test_a_busy_provider_says_when_to_come_back(registered, provider, keys):
    provider.faults[PATH] = live.answer(429, {}, Retry_After="12")
    error = failing(keys("microsoft", "ada@gmail.com"))
    assert (error.kind, error.retry_after, error.retryable) == ("busy", 12, True)
