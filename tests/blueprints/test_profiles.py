"""The welcome page, one's own profile, and photos as they are served."""

import io
import re

import pytest
from PIL import Image
from sqlalchemy import select
from werkzeug import formparser
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from tests import crawl, factories
from webapp.domain import feed, profiles
from webapp.extensions import db
from webapp.models.member import Member, Photo
from webapp.models.post import Post


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima", headline="Architect")


def words(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).split()).replace("&#39;", "'")


def picture(size=(300, 200)):
    buffer = io.BytesIO()
    Image.effect_noise(size, 90).convert("RGB").save(buffer, "JPEG", quality=95)
    return (io.BytesIO(buffer.getvalue()), "me.jpg")


def upload(browser, picture, url="/settings/photo"):
    """Post a file as it is, without the temporary file that the test client would put it into."""
    boundary, body = encode_multipart({"photo": FileStorage(picture[0], picture[1])})
    return browser.post(url, body, content_type=f"multipart/form-data; boundary={boundary}")


def again(member):
    db.session.expire_all()
    return db.session.get(Member, member.id)


def test_welcome_takes_words_and_a_photo_and_goes_on_to_find_connections(ana, as_member):
    browser = as_member(ana)
    page = browser.get("/welcome")
    assert "Welcome, Ana Lima" in words(page)
    assert 'href="/contacts"' in page.text
    response = browser.post("/welcome", {"headline": "Bridge builder", "field": "Engineering", "photo": picture()})
    assert (response.status_code, response.headers["Location"]) == (303, "/contacts")
    member = again(ana)
    assert (member.headline, member.field, member.organisation) == ("Bridge builder", "Engineering", "")
    assert member.photo


def test_nothing_has_to_be_said(ana, as_member):
    response = as_member(ana).post("/welcome", {"headline": "", "photo": (io.BytesIO(b""), "")})
    assert response.headers["Location"] == "/contacts"
    assert again(ana).photo is None


def test_a_bad_photo_is_named_and_the_words_are_kept(ana, as_member):
    response = as_member(ana).post("/welcome", {"place": "Porto", "photo": (io.BytesIO(b"<svg/>"), "me.svg")})
    assert response.status_code == 422
    assert "Choose a JPEG, PNG or WebP picture" in words(response)
    assert again(ana).place == "Porto"


def test_a_field_is_saved_alone_and_a_mistake_keeps_what_was_typed(ana, as_member):
    browser = as_member(ana)
    assert "Architect" in words(browser.get("/settings/profile"))
    assert 'value="Architect"' in browser.get("/settings/profile/headline").text
    response = browser.post("/settings/profile/links", {"links": "ftp://x", "audience": "public"})
    assert response.status_code == 422
    assert "Use at most 5 addresses that start with https://" in words(response)
    assert "ftp://x" in response.text
    assert '<option value="public" selected>' in response.text
    assert "<title>Error: " in response.text
    assert again(ana).links == []
    assert browser.post("/settings/profile/links", {"links": "https://ana.example"}).status_code == 303
    assert browser.post("/settings/profile/name", {"name": "Ana de Lima"}).headers["Location"] == "/settings/profile"
    member = again(ana)
    assert (member.name, member.headline, member.links) == ("Ana de Lima", "Architect", ["https://ana.example"])
    assert "It is saved" in words(browser.get("/settings/profile"))


def test_a_field_is_edited_in_its_row(ana, as_member):
    browser = as_member(ana)
    form = browser.part("/settings/profile/title", method="GET")
    assert "<html" not in form.text
    assert 'id="field-title"' in form.text
    assert "autofocus" in form.text
    wrong = browser.part("/settings/profile/title", {"title": "x" * 121, "audience": "members"})
    assert wrong.status_code == 422
    assert "x" * 121 in wrong.text
    row = browser.part("/settings/profile/title", {"title": "Bridge builder", "audience": "connections"})
    assert row.status_code == 200
    assert "Bridge builder" in words(row)
    assert "Connections" in words(row)
    assert "<form" not in row.text
    assert row.text == browser.part("/settings/profile?row=title", method="GET").text
    assert browser.get("/settings/profile/password_hash").status_code == 404


def test_a_field_that_members_may_not_see_leaves_every_page_but_the_profile_for_those_who_may(ana, as_member):
    ben, cleo = factories.member("Ben"), factories.member("Cleo")
    factories.connect(ana, ben)
    as_member(ana).post("/settings/profile/headline", {"headline": "Bridgewright", "audience": "connections"})
    assert "Bridgewright" in as_member(ben).get(f"/people/{ana.handle}").text
    assert "Bridgewright" not in as_member(cleo).get(f"/people/{ana.handle}").text
    for url in ("/people", "/people?q=ana", "/connections"):
        assert "Bridgewright" not in as_member(ben).get(url).text
    assert f'id="person-{ana.handle}"' not in as_member(ben).get("/people?q=bridgewright").text


def test_signed_out_a_profile_shows_what_is_public_and_else_answers_as_nobody(ana, as_member):
    stranger = as_member()
    unknown = stranger.get("/people/nobody-abcd")
    hidden = stranger.get(f"/people/{ana.handle}")
    assert (unknown.status_code, hidden.status_code) == (303, 303)
    assert hidden.headers["Location"].startswith("/signin?next=")
    as_member(ana).post("/settings/profile/place", {"place": "Porto", "audience": "public"})
    shown = stranger.get(f"/people/{ana.handle}")
    assert shown.status_code == 200
    assert "Ana Lima" in words(shown)
    assert "Porto" in words(shown)
    assert "Architect" not in shown.text


def test_contact_information_is_added_changed_and_deleted(ana, as_member):
    ben = factories.member("Ben")
    factories.connect(ana, ben)
    mine, theirs = as_member(ana), as_member(ben)
    wrong = mine.post("/settings/contact", {"kind": "phone", "value": "call me", "label": "Work"})
    assert wrong.status_code == 422
    assert "call me" in wrong.text
    assert (
        mine.post("/settings/contact", {"kind": "phone", "value": "+351 21 555 0148", "label": "Work"}).status_code
        == 303
    )
    mine.post("/settings/contact", {"kind": "email", "value": "ana@studio.example"})
    [phone, mail] = profiles.own_details(again(ana))
    assert (phone.audience, mail.audience) == ("me", "connections")
    seen = theirs.get(f"/people/{ana.handle}")
    assert "mailto:ana%40studio.example" in seen.text
    assert "From Ana Lima" in words(seen)
    assert "Updated" in words(seen)
    assert "555 0148" not in seen.text
    form = mine.part(f"/settings/contact/{phone.key}", method="GET")
    assert "+351 21 555 0148" in form.text
    row = mine.part(
        f"/settings/contact/{phone.key}", {"value": "+351 21 555 0149", "label": "", "audience": "connections"}
    )
    assert "555 0149" in row.text
    panel = theirs.part(f"/people/{ana.handle}/contact", method="GET")
    assert "<dialog" in panel.text
    assert "555 0149" in panel.text
    assert "555 0149" in theirs.get(f"/people/{ana.handle}/contact").text
    assert mine.post(f"/settings/contact/{phone.key}/remove").status_code == 303
    assert "555 0149" not in theirs.get(f"/people/{ana.handle}/contact").text
    for url in (f"/settings/contact/{mail.key}", f"/settings/contact/{mail.key}/remove"):
        assert theirs.post(url, {"value": "x@example.org", "audience": "public"}).status_code == 404


def test_experience_is_added_changed_in_its_row_and_deleted(ana, as_member):
    mine = as_member(ana)
    wrong = mine.post("/settings/background/add/experience", {"what": "Diver", "from_year": "later"})
    assert wrong.status_code == 422
    assert 'value="later"' in wrong.text
    typed = {"what": "Diver", "at": "Sea", "from_year": "2020"}
    assert mine.post("/settings/background/add/experience", typed).headers["Location"] == "/settings/background"
    mine.post(
        "/settings/background/add/education", {"what": "Biology", "at": "Porto", "from_year": "2010", "to_year": "2014"}
    )
    [job] = profiles.seen_by(ana, ana).experience
    page = words(mine.get("/settings/background"))
    assert "2020 – now Diver Sea" in page
    assert "2010 – 2014 Biology Porto" in page
    assert 'value="Diver"' in mine.part(f"/settings/background/{job.key}", method="GET").text
    row = mine.part(f"/settings/background/{job.key}", typed | {"to_year": "2024"})
    assert "2020 – 2024" in words(row)
    assert row.text == mine.part(f"/settings/background?row={job.key}", method="GET").text
    assert "2020 – 2024" in words(as_member(factories.member("Ben")).get(f"/people/{ana.handle}"))
    assert mine.post(f"/settings/background/{job.key}/remove").status_code == 303
    assert "Diver" not in mine.get("/settings/background").text
    assert mine.get("/settings/background/add/hobbies").status_code == 404


def test_of_a_position_that_the_profile_names_connections_are_told_if_one_says_so(ana, as_member):
    mine, add = as_member(ana), "/settings/background/add/experience"
    typed = {"what": "Diver", "at": "Sea", "from_year": "2026"}
    positions = select(Post.body).where(Post.author_id == ana.id, Post.kind == "position")
    assert 'name="tell"' not in mine.get(add).text, "the profile names none"
    profiles.edit(ana, {}, title="Diver", organisation="Sea")
    db.session.commit()
    form = mine.get(add).text
    assert re.search(r'<input class="check" type="checkbox" id="tell" name="tell" value="1"[^>]*>', form)
    assert " checked" not in form
    assert 'name="tell"' not in mine.get("/settings/background/add/education").text
    mine.post(add, typed)
    mine.post(add, typed | {"at": "Lake", "tell": "1"})
    assert "Nobody was told" in words(mine.get("/settings/background"))
    mine.post(add, typed | {"to_year": "2026", "tell": "1"})
    assert db.session.scalars(positions).all() == []
    mine.post(add, typed | {"what": "diver ", "tell": "1"})
    assert db.session.scalars(positions).all() == ["Diver\nSea"]


def test_skills_are_listed_moved_and_endorsed(ana, as_member):
    ben = factories.member("Ben")
    factories.connect(ana, ben)
    mine, theirs = as_member(ana), as_member(ben)
    for name in ("Kelp", "Tides"):
        assert mine.post("/settings/skills", {"name": name}).status_code == 303
    assert mine.post("/settings/skills", {"name": "kelp"}).status_code == 422
    [kelp, tides] = profiles.seen_by(ana, ana).skills
    moved = mine.part(f"/settings/skills/{tides.key}/move", {"to": "1"})
    assert moved.text.index("Tides") < moved.text.index("Kelp")
    url = f"/people/{ana.handle}/skills/{kelp.key}"
    assert "Endorse Kelp" in words(theirs.get(f"/people/{ana.handle}"))
    assert theirs.post(url, {"on": "1"}).headers["Location"] == f"/people/{ana.handle}#skill-{kelp.key}"
    part = theirs.part(url, {"on": "1"})
    assert "Endorsed by 1 connection" in words(part)
    assert "Undo endorsement Kelp" in words(part)
    assert "Ben endorsed a skill of yours" in words(mine.get("/notifications"))
    assert "Ben" in words(mine.get(f"/settings/skills/{kelp.key}"))
    mine.post(f"/settings/skills/{kelp.key}/endorsements/{ben.handle}", {"hide": "1"})
    assert "Endorsed by" not in words(mine.get(f"/people/{ana.handle}"))
    assert "Endorsed by 1 connection" in words(theirs.get(f"/people/{ana.handle}"))
    assert as_member(factories.member("Cleo")).post(url, {"on": "1"}).status_code == 404
    assert mine.post(f"/settings/skills/{kelp.key}/remove").status_code == 303
    assert theirs.post(url, {"on": "1"}).status_code == 404


SAID = (
    ("hero picture", re.compile(r'(<(?:img|span) class="av xl.*?)\n', re.DOTALL)),
    ("name and how near", re.compile(r"<h1[^>]*>(<bdi.*?)</div>", re.DOTALL)),
    ("headline", re.compile(r'<p class="lede" hx-ignore>.*?</p>')),
    ("since when, how many", re.compile(r'<p class="faint sm" hx-ignore>(.*?)</p>')),
    ("who is between", re.compile(r'<p class="mutual">(.*?)</p>', re.DOTALL)),
    ("what they say", re.compile(r'<div class="cols lead">\s*<div class="stack">(.*?)</div>\s*<aside', re.DOTALL)),
    ("beside it", re.compile(r'<aside class="stack">(.*?)</aside>', re.DOTALL)),
)


# What the viewer keeps for themselves stands on the page, but is nothing the owner shows them.
OWN_NOTES = re.compile(r'<section class="panel private" id="card-panel".*?</section>', re.DOTALL)


def parts(response):
    html = OWN_NOTES.sub("", crawl.without_tokens(response.text))
    return {name: [" ".join(each.split()) for each in found.findall(html)] for name, found in SAID}


def test_view_as_is_what_each_viewer_is_served(ana, as_member):
    ben, cleo = factories.member("Ben"), factories.member("Cleo")
    factories.connect(ana, ben)
    dana = factories.member("Dana")
    factories.connect(ana, dana)
    factories.connect(ben, dana)
    feed.share(ana, "For my connections")
    feed.share(ana, "For everybody here", "members")
    feed.share(ana, "Only a line " * 40, "members")
    ana.connections_shown = "members"
    profiles.edit(
        ana, {"headline": "public", "about": "connections", "place": "me"}, about="A bridge\nor two", place="Porto"
    )
    profiles.set_photo(ana, {64: b"small", 256: b"large"})
    skill = profiles.add_skill(ana, "Kelp")
    profiles.add_entry(ana, "experience", what="Diver", at="Sea", from_year="2020")
    profiles.add_detail(ana, "email", "ana@studio.example")
    profiles.add_detail(ana, "site", "https://ana.example", audience="public")
    db.session.commit()
    profiles.endorse(ben, ana, skill.key, on=True)
    db.session.commit()
    mine, url = as_member(ana), f"/people/{ana.handle}"
    for who, browser in (("stranger", as_member()), ("member", as_member(cleo)), (ben.handle, as_member(ben))):
        shown = parts(mine.get(f"/settings/view-as?who={who}"))
        missing = {name for name, found in shown.items() if not any(found)}
        assert missing <= ({"who is between"} if who == "member" else set()) or who == "stranger"
        assert shown == parts(browser.get(url)), who
    whole = re.compile(r'<div id="profile">.*?</aside>\s*</div>\s*</div>', re.DOTALL)
    stranger = whole.search(as_member().get(url).text)[0]
    assert stranger == whole.search(mine.get("/settings/view-as?who=stranger").text)[0]
    profiles.endorse(ben, ana, skill.key, on=False)
    db.session.commit()
    eli = factories.member("Eli")
    factories.connect(ana, eli)
    served = parts(as_member(eli).get(url))
    met = "since when, how many"
    served[met] = [re.sub("Connected since [^·]* · ", "", each) for each in served[met]]
    assert parts(mine.get("/settings/view-as?who=connection")) == served
    assert mine.get(f"/settings/view-as?who={cleo.handle}").status_code == 404


def test_view_as_a_stranger_says_that_there_is_nothing(ana, as_member):
    assert "Nothing of your profile is public" in words(as_member(ana).get("/settings/view-as?who=stranger"))


def test_a_photo_is_uploaded_shown_and_deleted(ana, as_member):
    browser = as_member(ana)
    large = picture((2400, 1600))
    assert len(large[0].getbuffer()) > 1_000_000
    assert upload(browser, large).status_code == 303
    name = again(ana).photo
    assert f"/photos/{name}-256.webp" in browser.get(f"/people/{ana.handle}").text
    small = browser.get(f"/photos/{name}-64.webp")
    assert small.mimetype == "image/webp"
    assert small.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert small.headers["X-Content-Type-Options"] == "nosniff"
    with Image.open(io.BytesIO(small.data)) as image:
        assert image.size == (64, 64)
    assert as_member(factories.member("Ben")).get(f"/photos/{name}-64.webp").status_code == 200
    assert as_member().get(f"/photos/{name}-64.webp").status_code == 303
    for url in (f"/photos/{name}-65.webp", "/photos/nobody-64.webp"):
        assert browser.get(url).status_code == 404
    browser.post("/settings/photo/remove")
    assert again(ana).photo is None
    assert db.session.query(Photo).count() == 0


def test_no_photo_and_a_bad_one_are_named(ana, as_member):
    browser = as_member(ana)
    for data in ({}, {"photo": (io.BytesIO(b""), "")}, {"photo": (io.BytesIO(b"GIF89a"), "me.gif")}):
        response = browser.post("/settings/photo", data)
        assert response.status_code == 422
        assert "Choose a JPEG, PNG or WebP picture" in words(response)
        assert "Architect" in response.text


def test_a_photo_over_eight_megabytes_is_named_and_one_far_over_is_not_read(ana, as_member):
    browser = as_member(ana)
    response = upload(browser, (io.BytesIO(b"\0" * 8_000_500), "me.jpg"))
    assert response.status_code == 422
    assert "Choose a smaller picture" in words(response)
    assert upload(browser, (io.BytesIO(b"\0" * 8_200_000), "me.jpg")).status_code == 413
    assert upload(browser, (io.BytesIO(b"\0" * 600_000), "me.jpg"), "/settings/email").status_code == 413


def test_a_photo_never_lies_in_the_temporary_folder(ana, as_member, monkeypatch):
    def spooled(*_args, **_kwargs):
        raise AssertionError("a file was put on disk")

    monkeypatch.setattr(formparser, "SpooledTemporaryFile", spooled)
    assert upload(as_member(ana), picture((2400, 1600))).status_code == 303
    assert again(ana).photo
