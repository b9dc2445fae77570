"""Sentences 34 to 37, without a browser: every field, every page, every link, every picture."""

import hashlib
import html
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from tests import crawl, factories, hostile
from webapp.domain import feed, messages, profiles
from webapp.domain.errors import Invalid
from webapp.extensions import db
from webapp.models.batch import is_sqlite
from webapp.models.member import Member

WEBAPP = Path(__file__).parents[2] / "webapp"
FINE = {200, 204, 303, 404, 409, 413, 422, 429}
ONE = pytest.mark.parametrize("app", ["sqlite"], indirect=True)


@pytest.fixture
def maya(sample, as_member):
    sample.is_operator = True
    db.session.commit()
    return as_member(sample)


def entries(app, browser):
    """One form of each kind that somebody can type into, by where it posts and which fields it has."""
    site = crawl.crawl(app, browser.get)
    found = {}
    for path, text in site.texts.items():
        for form in crawl.forms(text, path):
            endpoint = crawl.endpoint_of(app, form.action, "POST")
            if form.free and endpoint and endpoint not in crawl.ENDS:
                found.setdefault((endpoint, *sorted(form.free)), form)
    return found


def test_34_every_field_takes_every_text(app, maya, as_member):
    """Every field of every form takes such texts, signed in or not: they are kept and shown as they are, or refused with a sentence and
    still stand in the field; nothing breaks, and no page then has any of them as markup.
    """
    found = entries(app, maya)
    assert {endpoint for endpoint, *_fields in found} >= {
        "profiles.field",
        "profiles.add_entry",
        "people.report",
        "people.connect",
        "messages.send",
    }
    # Each form half of them, each of them to half the forms; the other engine has no other forms, only another way to keep a text.
    step = 2 if is_sqlite() else 8
    for number, form in enumerate(found.values()):
        for text in hostile.TEXTS[number % step :: step]:
            answer = maya.post(form.action, form.fixed | dict.fromkeys(form.free, text))
            assert answer.status_code in FINE, (form.action, text, answer.status_code)
            if answer.status_code == 422:
                kept = html.unescape(answer.text)
                assert text in kept, (form.action, "what was typed is lost")
    stranger = as_member()
    for at, (url, fields) in enumerate(STRANGERS.items()):
        for number, text in list(enumerate(hostile.TEXTS))[at % step :: step]:
            values = dict.fromkeys(fields, text)
            if url == "/signup":
                values |= {"email": f"hostile{number}@example.org", "password": factories.PASSWORD}
            answer = stranger.post(url, values)
            assert answer.status_code in FINE, (url, text, answer.status_code)
            assert "<" not in text or text not in answer.text
    shown = crawl.crawl(app, maya.get, each=4)
    for path, page in shown.texts.items():
        for text in hostile.TEXTS:
            if "<" in text:
                assert text not in page, path


STRANGERS = {
    "/signup": ("name", "email", "password"),
    "/signin": ("email", "password"),
    "/reset": ("email",),
    "/erase": ("email",),
}


class Tags(HTMLParser):
    """Every tag of a page with its attributes, in order."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def templates():
    """Every template of a page, without its comments. Mails, and the pages inside an archive, have rules of their own."""
    for path in sorted((WEBAPP / "templates").rglob("*.html")):
        name = path.relative_to(WEBAPP / "templates").as_posix()
        if name.split("/")[0] not in {"mail", "archive"} and not name.startswith("layouts/mail"):
            yield name, re.sub(r"\{#.*?#\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


@ONE
def test_35_no_page_has_code_of_its_own(app, maya):
    """No page has a script, a style or a handler of its own: what runs are the files of this site, of which htmx is byte for byte what its
    makers published, set to know no code in attributes. The policy of every page allows nothing else, and nothing unsafe.
    """
    for name, text in templates():
        assert not re.search(r"<script(?![^>]*\bsrc=)", text), name
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|\bhx-on\b|\bjs:|javascript:", text), name
        assert not re.search(r"""hx-trigger="[^"]*\[""", text), (name, "a filter of a trigger is code too")
    hostile.write_everywhere()
    site = crawl.crawl(app, maya.get, each=2)
    assert len(site.texts) > 80
    for path, text in site.texts.items():
        assert "unsafe" not in maya.get(path).headers["Content-Security-Policy"], path
        for tag, given in Tags(text).found:
            assert tag not in {"style", "base", "object", "embed"}, (path, tag)
            assert tag != "script" or given["src"].startswith("/static/"), (path, given)
            assert not [name for name in given if name == "style" or name.startswith(("on", "hx-on", "data-hx-on"))], (
                path,
                given,
            )
            led = [
                value or ""
                for name, value in given.items()
                if (name in {"href", "src", "action", "formaction"} or name.startswith("hx-")) and tag != "img"
            ]
            code = [each for each in led if re.match(r"\s*(javascript|js|data|vbscript):", each, re.IGNORECASE)]
            assert code == [], path
        assert 'http-equiv="refresh"' not in text, path
    settings = next(given for tag, given in Tags(site.texts["/network"]).found if given.get("name") == "htmx-config")
    assert json.loads(settings["content"]) == {
        "mode": "same-origin", "includeIndicatorCSS": False, "noSwap": [204, 304, "5xx"], "prefix": "", "extensions": ""
    }  # fmt: skip
    pinned = dict(
        re.findall(
            r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$",
            (WEBAPP / "static/licences/README.md").read_text(),
            re.MULTILINE,
        )
    )
    for name, digest in pinned.items():
        assert hashlib.sha256((WEBAPP / "static" / name).read_bytes()).hexdigest() == digest, name
    assert "htmx-4.0.1.min.js" in pinned


STRANGE = (
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "data:text/html,<script>1</script>", "vbscript:x", "file:///etc/passwd",
    "ftp://evil.example/", "//evil.example", "/people", "blob:https://evil.example/x", "https:evil.example", "https://", "http://a b.example",
    "view-source:https://evil.example", "intent://evil#Intent;end", "tel:+1", "https://user:secret@evil.example/", "javascript://evil.example/%0aalert(1)",
)  # fmt: skip


@ONE
def test_36_links_that_people_write_lead_only_to_pages_and_mail(app, maya, sample, as_member):
    """A link that somebody wrote, wherever it stands (profile, contact information, card, post, comment, message), leads by http, https or
    mailto and nowhere else, and tells the browser not to trust it (`nofollow noopener ugc`). Any other is refused, or stays text.
    """
    for url in STRANGE:
        with pytest.raises(Invalid):
            profiles.edit(sample, links=url)
        db.session.rollback()
        answer = maya.post("/settings/contact", {"kind": "site", "value": url, "label": "", "audience": "members"})
        assert answer.status_code == 422, url
    said = " ".join(("See https://kept.example/page and http://kept.example too, or www.kept.example:", *STRANGE))
    sample = db.session.get_one(Member, sample.id)
    profiles.edit(sample, links="https://kept.example/a\nhttp://kept.example", about=said)
    profiles.add_detail(sample, "site", "https://kept.example/s", audience="members")
    profiles.add_detail(sample, "email", "maya@kept.example", audience="members")
    key = feed.share(sample, said, "connections")
    feed.comment(sample, key, said)
    talk = db.session.execute(messages.listed(sample)).first().key
    messages.send(sample, talk, said)
    db.session.commit()
    site = crawl.crawl(app, maya.get, each=3)
    pages = site.texts | {
        path: maya.get(path).text for path in (f"/people/{sample.handle}", f"/messages/{talk}", f"/feed/{key}")
    }
    led = set()
    for path, text in pages.items():
        for tag, given in (
            Tags(text).found if not path.startswith("/contacts") else []
        ):  # where we lead to providers' help
            if tag != "a" or not given.get("href") or re.match(r"/(?!/)|#|\?", given["href"]):
                continue
            assert re.match(r"(https?://|mailto:)[^\s<>]+$", given["href"]), (path, given)
            assert {"nofollow", "noopener", "ugc"} <= set(given["rel"].split()), (path, given)
            led.add(given["href"])
    assert led >= {"https://kept.example/page", "https://kept.example/a", "https://kept.example/s", "mailto:maya%40kept.example"} or led >= {
        "https://kept.example/page", "https://kept.example/a", "https://kept.example/s"
    }  # fmt: skip


def picture(kind="JPEG", size=(160, 100), **more):
    buffer = io.BytesIO()
    Image.effect_noise(size, 90).convert("RGB").save(buffer, kind, **more)
    return buffer.getvalue()


@ONE
def test_37_a_photo_is_made_anew_and_nothing_else_is_taken_for_one(app, context, as_member):
    """A photo is known by what is in it (JPEG, PNG, WebP), made anew from its pixels, upright, and served as WebP under a random name of
    its own, which no browser may take for anything else: where it was taken, by whom, what was written into it or behind it is gone.
    Pictures that are also something else, and files that only say they are one, are refused.
    """
    image = Image.new("RGB", (200, 200), "red")
    image.paste("blue", (0, 0, 200, 100))  # the upper half as stored; turned by 180 degrees it is the lower one
    exif = Image.Exif()
    exif[Base.Orientation] = 3
    exif[Base.Artist] = "canary of the artist"
    exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitude] = (41.0, 8.0, 59.0)
    exif.get_ifd(IFD.GPSInfo)[GPS.GPSAreaInformation] = b"canary of the place"
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif, comment=b"canary of the comment", icc_profile=b"canary of the profile")
    carrying = buffer.getvalue() + b"<script>canary behind it</script>PK\x03\x04"
    assert carrying.count(b"canary") == 5
    ana = factories.member("Ana Lima")
    browser, names = as_member(ana), set()
    for name in ("me.svg", "../../me.html", "me.jpg"):
        assert browser.post("/settings/photo", {"photo": (io.BytesIO(carrying), name, "text/html")}).status_code == 303
        db.session.expire_all()
        names.add(db.session.get_one(Member, ana.id).photo)
        for pixels in (64, 256):
            served = browser.get(f"/photos/{db.session.get_one(Member, ana.id).photo}-{pixels}.webp")
            assert (served.mimetype, served.headers["X-Content-Type-Options"]) == ("image/webp", "nosniff")
            assert b"canary" not in served.data
            assert b"script" not in served.data
            with Image.open(io.BytesIO(served.data)) as shown:
                assert (shown.format, shown.size) == ("WEBP", (pixels, pixels))
                assert not set(shown.info) & {"exif", "icc_profile", "xmp", "comment"}
                top = shown.convert("RGB").getpixel((pixels // 2, pixels // 12))
            assert top[0] > 200
            assert top[2] < 60
    assert len(names) == 3
    assert all(re.fullmatch(r"[\w-]{24}", name) for name in names)
    for data in (
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", b"<html><script>1</script>" + picture(), b"GIF89a/*" + picture(), picture("GIF"),
        picture("TIFF"), picture("BMP"), b"%PDF-1.4\n" + picture(), b"\xff\xd8\xff<svg/>", b"\x89PNG\r\n\x1a\n<svg/>", picture()[:500], picture("PNG")[:500],
        b"RIFF\x10\x00\x00\x00WEBP<svg/>", b"",
    ):  # fmt: skip
        answer = browser.post("/settings/photo", {"photo": (io.BytesIO(data), "me.png", "image/png")})
        assert answer.status_code == 422, data[:40]
    db.session.expire_all()
    assert db.session.get_one(Member, ana.id).photo in names
