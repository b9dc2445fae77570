"""Every door to an address book that needs no provider: what a file, an archive, a strange table and pasted lines become on the screens."""

import io
import os
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.fixtures import WAYS, Site
from webapp.domain import profiles
from webapp.extensions import db

VCARDS = b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Dana\r\nEMAIL:dana@post.example\r\nEND:VCARD\r\nBEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada Solheim\r\nEMAIL:ada@out.example\r\nEND:VCARD\r\n"
TABLE = (
    "Kto;Skad;Gdzie\r\nBen Okri;Porto;ben@post.example\r\nAda Solheim;Lagos;ada@out.example\r\nZoe;Oslo;\r\n".encode(
        "cp1252"
    )
)
CONNECTIONS = (
    "Notes:\n\nFirst Name,Last Name,URL,Email Address,Company,Position,Connected On\n"
    "Ben,Okri,https://www.linkedin.com/in/ben-okri,,Sea,Diver,01 Jan 2024\n"
    "Cleo,Braun,https://www.linkedin.com/in/cleo,,Harbour Works,Captain,01 Jan 2024\n"
    "Ada,Solheim,https://www.linkedin.com/in/ada,ada@out.example,Sea,Cook,01 Jan 2024\n"
)


def archive():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        zipped.writestr("Basic/Profile.csv", "First Name\nMaya\n")
        zipped.writestr("Basic/Connections.csv", CONNECTIONS)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """One instance for all, in which each visitor has an account of their own. Only Dana is ever invited."""
    with Site(tmp_path_factory.mktemp("doors") / "instance", {}) as running:
        with running.app.app_context():
            for way in WAYS:
                factories.member("Maya Lindqvist", f"{way}@post.example")
            ben, cleo, _dana = (
                factories.member(name, f"{name.split()[0].lower()}@post.example")
                for name in ("Ben Okri", "Cleo Braun", "Dana Reis")
            )
            profiles.edit(ben, links="https://linkedin.com/in/ben-okri")
            profiles.edit(cleo, organisation="Harbour Works")
            db.session.commit()
        yield running


class Walk:
    """One visitor at the doors; every page is looked at by axe where it runs, and kept as a picture where somebody wants to look."""

    def __init__(self, visitor, site, check_axe, way):
        self.visitor, self.page, self.way = visitor, visitor.page, way
        self.axe = (lambda _visitor: None) if "no-javascript" in way else check_axe
        self.seen = 0
        visitor.sign_in(site.url, f"{way}@post.example")
        visitor.page.goto(f"{site.url}/contacts")

    def look(self, name):
        self.axe(self.visitor)
        assert self.visitor.fits(), name
        if "PICTURES" in os.environ:
            self.page.screenshot(path=f"{os.environ['PICTURES']}/{name}-{self.way}.png", full_page=True)

    def press(self, locator):
        with self.page.expect_navigation():
            self.visitor.use(locator)

    def upload(self, name, data):
        self.press(self.visitor.link("Upload a file"))
        self.look("file")
        self.page.get_by_label("Your file").set_input_files({"name": name, "mimeType": "", "buffer": data})
        self.press(self.visitor.button("^Read the file"))


# What every other door does alike is walked by two visitors only.
few = pytest.mark.parametrize("walk", ["keyboard", "no-javascript-phone"], indirect=True)


@pytest.fixture(params=WAYS)
def walk(request, site, visit, check_axe):
    return Walk(visit(**WAYS[request.param]), site, check_axe, request.param)


def test_a_file_of_vcards_leads_to_both_lists_and_is_forgotten(walk):
    walk.look("find")
    walk.upload("all.vcf", VCARDS)
    expect(walk.visitor.heading("1 person you know is here")).to_be_visible()
    expect(walk.page.locator("#contacts-sum")).to_contain_text("2 contacts read: 1 here, 1 not here.")
    walk.look("members")
    walk.press(walk.visitor.button("^Add 1 connection"))
    expect(walk.visitor.heading("Invite others to join")).to_be_visible()
    expect(walk.page.get_by_text("ada@out.example").first).to_be_visible()
    walk.look("others")
    walk.press(walk.visitor.button("^Skip"))
    expect(walk.page.get_by_text("The contacts you didn't choose are forgotten.")).to_be_visible()


def test_linkedins_archive_finds_beyond_doubt_and_offers_who_is_possible(walk):
    walk.upload("Complete_LinkedInDataExport.zip", archive())
    expect(walk.visitor.heading("2 people you know are here")).to_be_visible()
    ticked = walk.page.locator("label.pick").filter(has_text="Ben Okri").get_by_role("checkbox")
    possible = walk.page.locator("label.pick").filter(has_text="Cleo Braun").get_by_role("checkbox")
    expect(ticked).to_be_checked()
    expect(possible).not_to_be_checked()
    expect(walk.page.get_by_text(re.compile("Possible.*Same name and organisation"))).to_be_visible()
    walk.look("possible")
    with walk.page.expect_download() as held:
        walk.visitor.use(walk.visitor.link("Every row, as a file"))
    assert len(Path(held.value.path()).read_text(encoding="utf-8-sig").splitlines()) == 4


def test_columns_nobody_knows_are_named_on_a_page(walk):
    walk.upload("export.csv", TABLE)
    expect(walk.visitor.heading("Which column is which")).to_be_visible()
    walk.look("columns")
    walk.page.get_by_label(re.compile("^Kto")).select_option("name")
    walk.page.get_by_label(re.compile("^Gdzie")).select_option("address")
    walk.press(walk.visitor.button("^Show what this gives"))
    expect(walk.page.get_by_text(re.compile("Ben Okri.*ben@post.example")).last).to_be_visible()
    walk.look("columns-preview")
    walk.press(walk.visitor.button("^Compare with members"))
    expect(walk.page.locator("#contacts-sum")).to_contain_text(
        "3 contacts read: 1 here, 1 not here, 1 without a usable address."
    )


@few
def test_pasted_lines_are_shown_as_understood_and_can_be_mended(walk):
    walk.press(walk.visitor.link("Paste addresses"))
    walk.look("paste")
    walk.visitor.type("Addresses", "Ben <ben@post.example>, nonsense; ada@out.example")
    walk.press(walk.visitor.button("^Show what you understood"))
    expect(walk.page.get_by_text("Line 1: nonsense")).to_be_visible()
    walk.look("understood")
    walk.press(walk.visitor.button("^Back"))
    expect(walk.page.get_by_label("Addresses")).to_have_value(re.compile("nonsense"))
    walk.press(walk.visitor.button("^Show what you understood"))
    walk.press(walk.visitor.button("^Compare with members"))
    expect(walk.visitor.heading("1 person you know is here")).to_be_visible()


@few
def test_a_file_that_is_none_says_so_where_it_was_chosen(walk):
    walk.upload("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(300))
    expect(walk.page.get_by_text("We found no contacts in that file.").first).to_be_visible()
    walk.look("file-problem")
    assert all("422" in said for said in walk.visitor.trouble)
    walk.visitor.trouble.clear()
