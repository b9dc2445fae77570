"""Two thousand requests of chance to every address: nothing breaks, nothing hangs, and memory stays what it was. The same each time."""

import base64
import json
import random
import time
from collections import Counter

import pytest
from sqlalchemy import delete, select

from tests import crawl, hostile, memory
from webapp.extensions import db
from webapp.models.member import Throttle
from webapp.providers import outside

REQUESTS = {"sqlite": 2_000, "postgresql": 300}
VISIT = 25
"""After so many requests somebody new comes: what the one before did (signing out, say) is over."""
SECONDS_MAX = 2
MEGABYTES_MAX = 100
NAMES = (
    "q", "after", "before", "page", "order", "to", "key", "handle", "handles", "on", "position", "version", "back", "next", "token", "body",
    "text", "name", "email", "password", "show", "all", "undo_until", "moment", "client_id", "audience", "kind", "value", "label", "about",
    "List-Unsubscribe", "csrf_token", "place", "field", "cohort", "organisation", "file", "photo", "note", "url", "connections", "who",
)  # fmt: skip
PLACES = tuple(
    base64.urlsafe_b64encode(json.dumps(values).encode()).rstrip(b"=")
    for values in (
        [10**13, 2**40], [2**33], [1, 2**33], ["x", 2**33], [10**15, 1], [-(10**15), 1], [2**61], [-1], [0, 0], [2**61] * 4, ["\0", 1], ["\ud800", 1], ["x", 2**61], ["x" * 300, 1], [True], [1e300, 1],
    )
)  # fmt: skip
"""Places in a list as they stand in an address, but of our own making."""
ODD = (
    b"", b" ", b"\x00", b"\xff\xfe", b"%", b"%00", b"%FF%FE", b"%u1234", b"..", b"../..", b"//", b"\\", b"-1", b"0", b"1", b"9" * 40,
    b"-" + b"9" * 40, b"1e999", b"NaN", b"1_0", "١٢٣".encode(), "²".encode(), b"0x10", b"1 2", b"a" * 5_000, b"1970-01-01", b"99999-99-99", b"null",
    b"true", b"[]", b"{}", b"[[", b"a" * 255, "\u202e\u200b\ufeff".encode(), "\ud800".encode("utf-8", "surrogatepass"), b"\r\nX-Evil: 1",
    b"\n", b"\x1b[31m", b"\x7f", b"'", b'"', b"<", b"*", b"%_", b":*", b"& | !", b"eyJ4Ijox.abc.def", b"W10.x", b"ImEi.AAAA", "é\u0301".encode(), b"9" * 5_000, b"9" * 18, b"9" * 15,
    *PLACES,
    *(text.encode() for text in hostile.TEXTS),
)  # fmt: skip
HEADERS = (
    "HX-Request", "HX-Target", "HX-Current-URL", "HX-Boosted", "HX-History-Restore-Request", "Accept", "Accept-Language",
    "Accept-Encoding", "Authorization", "Cookie", "Content-Type", "If-None-Match", "If-Modified-Since", "If-Match", "Range", "Referer",
    "User-Agent", "X-Forwarded-For", "X-Forwarded-Host", "X-HTTP-Method-Override", "X-CSRFToken", "Depth", "Destination", "Overwrite",
    "Timeout", "Prefer", "Expect", "Date", "Sec-Fetch-Site", "Origin", "Transfer-Encoding", "Content-Encoding",
)  # fmt: skip
TYPES = (
    "application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=x",
    "multipart/form-data; boundary=" + "x" * 300, "application/json", "text/plain; charset=utf-16", "application/xml", "x", "",
    "application/x-www-form-urlencoded; charset=\xff", "text/vcard",
)  # fmt: skip
PARTS = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.vcf"\r\n\r\nBEGIN:VCARD\r\n', b"--x--\r\n", b"--x\r\n", b"\r\n\r\n",
    b'--x\r\nContent-Disposition: form-data; name="photo"; filename="\xff"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n\x1a\n\r\n',
    b'--x\r\nContent-Disposition: form-data; filename*=utf-8\'\'%ff; name="file"\r\nContent-Transfer-Encoding: base64\r\n\r\n!!\r\n',
    b"--x\r\nContent-Disposition: form-data\r\n\r\nx\r\n", b"--x\r\nContent-Type: text/plain; charset=nonsense\r\n\r\n", b"--y\r\n",
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><D:propfind xmlns:D="DAV:"><D:allprop>&b;</D:allprop></D:propfind>',
    b'<C:addressbook-query xmlns:C="urn:ietf:params:xml:ns:carddav"><C:filter><C:prop-filter name="FN"/></C:filter></C:addressbook-query>',
)  # fmt: skip


def noise(chance):
    """A value somebody might send: odd, random, or one of the others damaged."""
    value = chance.choice(ODD)
    kind = chance.random()
    if kind < 0.2:
        return chance.randbytes(chance.randrange(40))
    if kind < 0.4 and value:
        made = bytearray(value[:200])
        made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)
        return bytes(made)
    return value


def text(chance):
    return noise(chance).decode("utf-8", "surrogateescape").replace("\udcff", "ÿ").encode("utf-8", "replace").decode()


def header(chance):
    """What the server in front lets through: one line of Latin letters."""
    return noise(chance).decode("latin-1").replace("\r", " ").replace("\n", " ").replace("\0", " ")


class World:
    """What there is to ask for: addresses with real keys, and the forms of all pages with their fields."""

    def __init__(self, app, browser):
        site = crawl.crawl(app, browser.get, each=2)
        self.rules = sorted(app.url_map.iter_rules(), key=str)
        self.fields, self.addresses = {}, {}
        for path, page in sorted(site.texts.items()):
            for form in crawl.forms(page, path):
                endpoint = crawl.endpoint_of(app, form.action, "POST")
                if endpoint:
                    self.fields.setdefault(endpoint, []).append(form.fixed | form.free)
                    self.addresses.setdefault(endpoint, []).append(form.action)
        for endpoint, found in site.pages.items():
            self.addresses.setdefault(endpoint, []).extend(found)
        keys = []
        for table in db.metadata.sorted_tables:
            if "key" in table.columns:
                keys += db.session.scalars(select(table.columns["key"]).order_by(*table.primary_key).limit(3))
        db.session.rollback()
        self.keys = keys

    def address(self, rule, chance):
        """An address of this rule: a real one, perhaps damaged, or one made of noise."""
        known = self.addresses.get(rule.endpoint)
        if known and chance.random() < 0.6:
            path = chance.choice(known)
            if chance.random() < 0.3:
                at = chance.randrange(len(path) + 1)
                path = path[:at] + quoted(noise(chance), chance) + path[at:]
            return path
        made = ""
        for is_dynamic, part in rule._trace:
            if is_dynamic:
                value = chance.choice(self.keys).encode() if chance.random() < 0.3 else noise(chance)
                converter = rule._converters[part]
                items = getattr(converter, "items", None)
                if items and chance.random() < 0.8:
                    value = chance.choice(sorted(items)).encode()
                elif converter.regex == r"\d+" and chance.random() < 0.8:
                    value = str(chance.choice([0, 1, 64, 2**31, 2**63, 2**64, 10**30])).encode()
                made += quoted(value, chance)
            else:
                made += part
        return made.replace("|", "")

    def values(self, rule, chance):
        """What a form of this rule might send: its fields, some of them damaged, some more, some twice."""
        known = self.fields.get(rule.endpoint)
        given = dict(chance.choice(known)) if known and chance.random() < 0.8 else {}
        pairs = [(name, text(chance) if chance.random() < 0.4 else value) for name, value in given.items()]
        for _ in range(chance.choice([0, 0, 1, 2, 5])):
            name = chance.choice(NAMES) if chance.random() < 0.9 else text(chance)
            pairs.append((name, chance.choice(self.keys) if chance.random() < 0.2 else text(chance)))
        chance.shuffle(pairs)
        found = {}
        for name, value in pairs:
            found.setdefault(name, []).append(value)
        return found


def quoted(value, chance):
    """Bytes in an address: as they are where that can be, or written with %."""
    if chance.random() < 0.2:
        return "".join(chr(octet) for octet in value if 0x21 <= octet < 0x7F and octet not in b"?#%")
    return "".join(f"%{octet:02X}" for octet in value)


def body(world, rule, chance):
    """What a request brings: a form, parts of one with files, or bytes."""
    kind = chance.random()
    if kind < 0.7:
        return {"data": world.values(rule, chance)}
    octets = b"".join(
        chance.choice(PARTS) if chance.random() < 0.7 else noise(chance) for _ in range(chance.randrange(6))
    )
    return {"data": octets, "content_type": chance.choice(TYPES)}


def ask(browser, world, rule, chance):
    method = (
        chance.choice(sorted(rule.methods))
        if chance.random() < 0.95
        else chance.choice(["PUT", "TRACE", "X", "OPTIONS", "PATCH"])
    )
    given = {} if method in {"GET", "HEAD", "OPTIONS"} and chance.random() < 0.9 else body(world, rule, chance)
    path = world.address(rule, chance)
    if chance.random() < 0.6:
        query = "&".join(
            f"{chance.choice(NAMES)}={quoted(noise(chance), chance)}" for _ in range(chance.choice([1, 1, 2, 5]))
        )
        path += ("&" if "?" in path else "?") + query
    headers = {name: header(chance) for name in chance.sample(HEADERS, chance.choice([0, 0, 0, 1, 2]))}
    if "Content-Type" in headers and "content_type" in given:
        del headers["Content-Type"]
    if chance.random() < 0.3:
        headers["HX-Request"] = "true"
    return method, path, given, headers


@pytest.fixture
def maya(sample):
    sample.is_operator = True
    db.session.commit()
    return sample.id


def test_f16_no_request_breaks_anything(app, maya, as_member, monkeypatch):
    monkeypatch.setattr(outside.Resolver, "addresses", lambda _self, _host: [])  # no name leads anywhere
    world = World(app, as_member(maya))
    engine = db.engine.dialect.name
    answers, wrong, before, tried = Counter(), [], memory.megabytes(), set()
    for number in range(REQUESTS[engine]):
        chance = random.Random(number)
        if number % VISIT == 0:
            db.session.execute(delete(Throttle))
            db.session.commit()
            browser = as_member(maya if chance.random() < 0.9 else None)
        rule = world.rules[number * 7 % len(world.rules)]
        method, path, given, headers = ask(browser, world, rule, chance)
        began, counted = time.monotonic(), time.thread_time()
        answer = browser.send(method, path, headers=headers, **given)
        counted, took = time.thread_time() - counted, time.monotonic() - began
        answers[answer.status_code] += 1
        tried.add(rule.endpoint)
        if answer.status_code >= 500 or counted > SECONDS_MAX or took > 5 * SECONDS_MAX:
            wrong.append((number, method, path[:300], headers, str(given)[:600], answer.status_code, round(took, 1)))
        answer.close()
    assert wrong == [], "\n".join(map(str, wrong))
    print(answers, memory.megabytes() - before, len(tried))
    assert memory.megabytes() - before < MEGABYTES_MAX
