"""No address gives one member what is another's: every route, with every key and number, for somebody who is new there."""

import pytest
from sqlalchemy import select, update
from werkzeug.routing import AnyConverter, BuildError, IntegerConverter

from tests import factories
from tests.house.test_routes import dump
from webapp.extensions import db
from webapp.models.member import Member, SignIn
from webapp.models.post import Post

# A handle is a name that every member may know; what a route does with it concerns the two of them. A photo is shown to members.
OPEN = {"handle", "pixels", "name"}
# The link in a mail is the right itself; these routes have tests of their own.
RIGHTS = {"token"}
NOT_THINGS = {"member", "photo", "throttle"}
EACH = 6


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


def test_nobody_reaches_what_is_somebody_elses(app, mallory, as_member):
    keys, numbers = things()
    # What is shared with all members is hers to read, too.
    db.session.execute(update(Post).values(audience="connections"))
    db.session.commit()
    browser = as_member(mallory)
    # Her own number must not be among those she tries.
    db.session.execute(update(SignIn).where(SignIn.member_id == mallory.id).values(id=1_000_000))
    db.session.commit()
    handle = db.session.scalars(select(Member.handle).where(Member.id != mallory.id)).first()
    values = sorted({value for found in keys.values() for value in found}) + sorted(set().union(*numbers.values()))
    before, reached, tried = dump(), [], set()
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
            for method in rule.methods & {"GET", "POST"}:
                answer = browser.get(address) if method == "GET" else browser.post(address, {"on": "1", "text": "x"})
                tried.add(rule.endpoint)
                if answer.status_code != 404:
                    reached.append((method, address, answer.status_code))
    assert reached == []
    assert tried >= {"invitations.undo", "invitations.answer_card", "settings.end_sign_in"}
    assert dump() == before
