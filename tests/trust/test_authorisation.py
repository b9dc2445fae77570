"""Sentences 61-63, 65-67, 69: what is somebody else's, what a form may not say, and where a link or an answer leads."""

import re
from urllib.parse import urljoin

import pytest
from sqlalchemy import select, update
from werkzeug.routing import AnyConverter, BuildError, IntegerConverter

from tests import crawl, factories, routes
from tests.routes import dump
from webapp import clock, tokens
from webapp.extensions import db
from webapp.models.batch import is_sqlite
from webapp.models.member import Member, SignIn
from webapp.models.post import Post
from webapp.web import back

# A handle is a name that every member may know; what a route does with it concerns the two of them. A photo is shown to members.
OPEN = {"handle", "pixels", "name"}
# The link in a mail is the right itself; these routes have tests of their own.
RIGHTS = {"token"}
NOT_THINGS = {"member", "photo", "throttle"}
EACH = 2
TOKEN = re.compile(
    r'(?:name="(?:csrf_token|back)" value="|X-CSRFToken":\s*"|csrf-token" content=")[^"]+|X-CSRFToken[^,}]+|[\w.-]{40,}'
)
"""What is signed anew for each answer."""
ONES_OWN = {"sign_in_id", "address_id", "app_password_id", "passkey_id"}
OF_OPERATORS = {"mail_id", "report_id"}
ELSEWHERE = (
    "/\\evil.example", "//evil.example", "///evil.example", "/\t/evil.example", "\t//evil.example", "https:evil.example", "https://evil.example",
    "http:\\\\evil.example", "//evil.example\r\n", "/\r\n/evil.example", "\r\nLocation: //evil.example", "/.//evil.example/..//", "javascript:alert(1)",
    "data:text/html,x", "\\\\evil.example", "/\\/evil.example", "//user@evil.example", "//127.0.0.1:8000@evil.example", "／／evil.example",
    "//ｅvil.example", "/／evil.example", "%2F%2Fevil.example", " //evil.example", "evil.example", "", "?//evil.example", "/%09/evil.example",
)  # fmt: skip
"""What a browser, or a careless check, could take for another site."""


@pytest.fixture
def mallory(sample):
    """Somebody who has just joined the sample community."""
    return factories.member("Mallory Quint")


def things():
    """The random keys, and the numbers, under which things are kept; some of each table."""
    keys, numbers = {}, {}
    for table in db.metadata.sorted_tables:
        if table.name in NOT_THINGS:
            continue
        for name, found in (("key", keys), ("id", numbers)):
            if name in table.columns:
                found[table.name] = list(
                    db.session.scalars(select(table.columns[name]).order_by(*table.primary_key).limit(EACH))
                )
    db.session.rollback()
    return keys, numbers


def filled(rule, handle, value):
    """The values of a rule's parts with `value` where a thing is named; None where it names none of that kind."""
    values = {}
    named = False
    for part in rule.arguments - set(rule.defaults or ()):
        converter = rule._converters[part]
        if isinstance(converter, AnyConverter):  # one of a few words
            values[part] = min(converter.items)
        elif part in OPEN:
            values[part] = handle
        elif isinstance(converter, IntegerConverter) != isinstance(value, int):
            return None
        else:
            values[part], named = value, True
    return values if named else None


def test_there_is_something_of_everything_to_reach(mallory):
    keys, _numbers = things()
    assert {name for name, found in keys.items() if not found} == set(), "nobody tries to reach these"


def test_61_nobody_reaches_what_is_somebody_elses(app, mallory, as_member):
    """Whatever belongs to somebody else answers everybody alike, as what does not exist does: every address with a key or a number in it,
    with keys and numbers of everything there is, by every method, is the same 404, and nothing changes.
    """
    keys, numbers = things()
    # What is shared with all members is hers to read, too.
    db.session.execute(update(Post).values(audience="connections"))
    db.session.commit()
    browser = as_member(mallory)
    # Her own number must not be among those she tries.
    db.session.execute(update(SignIn).where(SignIn.member_id == mallory.id).values(id=1_000_000))
    db.session.commit()
    handle = db.session.scalars(select(Member.handle).where(Member.id != mallory.id)).first()
    each = EACH if is_sqlite() else 1  # the other engine has no other doors
    values = ["x" * 24, *sorted({value for found in keys.values() for value in found[:each]})]
    values += sorted({value for found in numbers.values() for value in found[:each]}, key=int)
    before, reached, tried, said = dump(), [], set(), {}
    addresses = app.url_map.bind("127.0.0.1:8000")
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        if rule.arguments & RIGHTS or getattr(view, "public", False):
            continue
        for value in values:
            given = filled(rule, handle, value)
            if given is None:
                continue
            try:
                address = addresses.build(rule.endpoint, given)
            except BuildError:  # an address that takes no such key cannot be asked for it
                continue
            for method in sorted((rule.methods | {"PUT"} if value == "x" * 24 else rule.methods) - {"HEAD", "OPTIONS"}):
                answer = browser.send(method, address, data={"on": "1", "text": "x"} if method != "GET" else None)
                tried.add(rule.endpoint)
                if answer.status_code != (404 if method in rule.methods else 405):
                    reached.append((method, address, answer.status_code))
                elif answer.status_code == 404:
                    said.setdefault(TOKEN.sub("", answer.text), address)
    assert reached == []
    assert len(said) == 1, said.values()
    assert tried >= {"invitations.undo", "invitations.answer_card", "settings.end_sign_in"}
    assert dump() == before


# What a form may not say

SMUGGLED = {
    **dict.fromkeys(("is_admin", "is_operator", "admin", "operator", "verified", "is_active", "findable_by_all"), "1"),
    **dict.fromkeys(("id", "member_id", "owner_id", "viewer_id", "author_id", "by_id", "user_id", "_user_id", "low", "high"), "2"),
    **dict.fromkeys(("verified_at", "created_at", "suspended_at", "deleted_at", "settled_at", "visible_from", "expires_at"), "1700000000000"),
    "degree": "9999", "password_hash": "x", "state": "connected", "undo_state": "none", "handle": "maya", "lookup": "x" * 64, "is_primary": "1",
    "email": "mallory@evil.example", "address": "mallory@evil.example", "digest": "x", "purpose": "accept", "role": "admin",
    "audience": "public", "kind": "text", "anchor": "x",
}  # fmt: skip
"""Columns of ours, and what others would call them."""


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_62_a_form_says_no_more_than_it_asks(app, sample, as_member, monkeypatch):
    """A form can set nothing but what it asks for: with the names of all kinds of columns beside its own fields (whose something is, who
    is an operator, what is proven, what state it is in), every form of the site does exactly what it does without them.
    """
    sample.is_operator = True
    db.session.commit()
    browser = as_member(sample)
    site = crawl.crawl(app, browser.get, each=2)
    found = {}
    for path, text in site.texts.items():
        for form in crawl.forms(text, path):
            endpoint = crawl.endpoint_of(app, form.action, "POST")
            if endpoint and endpoint not in crawl.ENDS:
                found.setdefault((endpoint, *sorted(form.free), *sorted(form.fixed)), form)
    now, did, heard = clock.now(), set(), []
    now = now.replace(minute=now.minute // 10 * 10 + 5, second=0)  # in the midst of ten minutes
    monkeypatch.setattr(clock, "now", lambda: now)
    snapshot = routes.Snapshot()
    untouched = routes.rows()
    for (endpoint, *_fields), form in found.items():
        own = form.fixed | {name: value or "Something" for name, value in form.free.items()}
        ends = []
        for given in (own, SMUGGLED | own):
            answer = browser.post(form.action, given)
            ends.append((answer.status_code, routes.rows()))
            if ends[-1][1] != untouched:
                did.add(endpoint)
                snapshot.restore()
        different = [
            (*one, *other) for one, other in zip(ends[0][1].items(), ends[1][1].items(), strict=True) if one != other
        ]
        if different or ends[0][0] != ends[1][0]:
            heard.append((endpoint, own, ends[0][0], ends[1][0], different))
    assert heard == []
    assert len(did) > 40, did
    assert db.session.scalars(select(Member.name).where(Member.is_operator)).all() == [sample.name]


def test_63_what_must_not_be_counted_has_no_number(app, context, sample):
    """Where nobody may know whether or how many of something there are, its address holds a random key of 144 bits instead of a number that
    counts. Numbers stand only in addresses of what is one's own, and in an operator's.
    """
    numbered = {
        (rule.endpoint, name)
        for rule in app.url_map.iter_rules()
        for name, converter in rule._converters.items()
        if isinstance(converter, IntegerConverter)
    }
    assert {name for _endpoint, name in numbered} <= ONES_OWN | OF_OPERATORS | {"pixels"}
    keyed = 0
    for table in db.metadata.sorted_tables:
        if "key" not in table.columns or table.name in NOT_THINGS or table.name == "batch":
            continue
        found = db.session.scalars(select(table.columns["key"]).order_by(*table.primary_key)).all()
        for key in found:
            assert re.fullmatch(r"[\w-]{24}", key), (table.name, key)
        assert len(set(found)) == len(found)
        assert len(found) < 12 or found not in (sorted(found), sorted(found, reverse=True))
        keyed += len(found)
    assert keyed > 100
    assert len({tokens.new() for _ in range(2_000)}) == 2_000


# Where a link or an answer leads


def stays(location):
    """Whether a browser stays at this site that is led there."""
    heard = re.sub(r"[\t\r\n]", "", location.strip()).replace("\\", "/")
    return urljoin("http://127.0.0.1:8000/signin", heard).startswith("http://127.0.0.1:8000/")


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_67_after_signing_in_nobody_is_led_elsewhere(app, as_member, context):
    """After signing in one is led to an address of this site, or home: `next` is only followed where it was signed here, and then only as a
    path. None of the tricks with slashes, schemes, control characters or strange letters leads anywhere else.
    """
    ada = factories.member("Ada Lovelace", "ada@example.org")
    right = {"email": "ada@example.org", "password": factories.PASSWORD}
    browser = as_member(ada)
    for evil in ELSEWHERE:
        for given in (evil, tokens.sign("back", evil)):
            assert browser.get("/signin", query_string={"next": given}).headers["Location"] == "/", evil
        for ours in (evil, f"/people{evil}"):  # signed by us, which could only be a mistake
            assert stays(
                browser.get("/signin", query_string={"next": tokens.sign("next", ours)}).headers["Location"]
            ), ours
            with app.test_request_context("/people", method="POST", data={"back": tokens.sign("back", ours)}):
                assert stays(back.came_from() or "/"), ours
            said = {"HX-Request": "true", "HX-Current-URL": re.sub(r"[^ -~]", "", ours)}
            with app.test_request_context("/people", headers=said):
                assert not back.opened_on() or stays(tokens.signed("back", back.opened_on())), ours
        asked = as_member().get("/network", query_string={"next": evil})
        assert asked.headers["Location"].startswith("/signin?next="), evil
        assert stays(browser.get(asked.headers["Location"]).headers["Location"]), evil
    assert as_member().post("/signin?next=//evil.example", right).headers["Location"] == "/"
    assert as_member().part("/signin?next=//evil.example", right).headers["HX-Redirect"] == "/"
    asked = as_member().get("/settings/privacy?x=1")
    assert as_member().post(asked.headers["Location"], right).headers["Location"] == "/settings/privacy?x=1"


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_69_no_cache_mixes_up_pages_and_parts_or_keeps_what_is_private(app, sample, as_member):
    """An address that answers with a page or, asked by htmx, with a part of it says so (`Vary: HX-Request`), so that no cache gives the one
    for the other; and nothing that somebody signed in is shown may be kept by any, but pictures, by the browser itself.
    """
    sample.is_operator = True
    db.session.commit()
    browser = as_member(sample)
    site = crawl.crawl(app, browser.get, each=1)
    different = set()
    for endpoint, paths in site.pages.items():
        for path in paths:
            whole, part = browser.get(path), browser.part(path, method="GET")
            for answer in (whole, part):
                kept = answer.headers["Cache-Control"]
                assert kept == "no-store" or (endpoint == "profiles.photo" and kept.startswith("private")), path
            is_html = whole.status_code == part.status_code == 200 and whole.mimetype == "text/html"
            if is_html and TOKEN.sub("", whole.text) != TOKEN.sub("", part.text):
                different.add(endpoint)
                assert "HX-Request" in whole.headers["Vary"], path
                assert "HX-Request" in part.headers["Vary"], path
                assert "ETag" not in whole.headers, path
    assert len(different) > 20
