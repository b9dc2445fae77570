"""The second step in a real browser: an app without JavaScript, a passkey of Chromium's own, and every page of them looked at."""

import re

import pyotp
import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.fixtures import Site
from webapp import clock


@pytest.fixture
def site(tmp_path):
    """A site with a name: browsers have passkeys for no IP address."""
    with Site(tmp_path / "instance", {}, host="localhost") as running:
        with running.app.app_context():
            factories.member("Ana Lima", "ana@post.example")
        yield running


def sign_in(visitor, site):
    visitor.sign_in(site.url, "ana@post.example")


def code(secret):
    clock.move(seconds=60)
    return pyotp.TOTP(secret).at(clock.now())


@pytest.fixture
def look(check_axe):
    """Find nothing wrong with the page as it is, on a phone, and at other widths that it fits."""

    def look(visitor):
        page = visitor.page
        expect(page.locator("h1")).to_have_count(1)
        for width in (320, 1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            assert visitor.fits(), (page.url, width)
        check_axe(visitor)

    return look


def test_an_app_is_set_up_and_used_without_javascript(site, visit):
    ana = visit(width=390, javascript=False)
    page = ana.page
    sign_in(ana, site)
    page.goto(f"{site.url}/settings/sign-in")
    ana.use(page.get_by_role("link", name="Set up Authenticator app"))
    ana.type("Your password", factories.PASSWORD)
    ana.use(ana.button("^Continue$"))
    secret = page.locator("pre").inner_text().replace(" ", "")
    ana.type("Code", code(secret))
    ana.use(ana.button("^Turn it on$"))
    codes = page.locator("pre").inner_text().split()
    assert len(codes) == 10
    assert ana.fits()
    ana.use(ana.link("I have kept them"))
    expect(page.get_by_text("10 of ten left")).to_be_visible()
    page.goto(f"{site.url}/settings")
    page.context.clear_cookies()
    page.goto(f"{site.url}/settings/addresses")
    ana.type("Email", "ana@post.example")
    ana.type("Password", factories.PASSWORD)
    expect(ana.button("passkey")).to_have_count(0)
    ana.use(ana.button("^Sign in$"))
    expect(ana.heading("One more step")).to_be_visible()
    assert ana.fits()
    ana.type("Code", code(secret))
    ana.use(ana.button("^Sign in$"))
    expect(ana.heading("Email addresses")).to_be_visible()


def test_a_passkey_is_made_and_signs_in_as_second_step_and_alone(site, visit, look):
    ana = visit()
    page = ana.page
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    options |= {"isUserVerified": True, "automaticPresenceSimulation": True}
    device = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
    page.goto(f"{site.url}/signin")
    expect(ana.button("Sign in with a passkey")).to_be_visible()
    look(ana)
    sign_in(ana, site)
    page.goto(f"{site.url}/settings/sign-in")
    look(ana)
    ana.use(page.get_by_role("link", name="Add Passkey"))
    look(ana)
    ana.type("What do you call it?", "My laptop")
    ana.type("Your password", factories.PASSWORD)
    ana.use(ana.button("^Continue$"))
    expect(page.get_by_text("This browser can't make passkeys")).to_be_hidden()
    look(ana)
    ana.use(ana.button("^Create My laptop"))
    expect(ana.heading("Your recovery codes")).to_be_visible()
    look(ana)
    with page.expect_download() as taken:
        ana.use(ana.link("Download as text"))
    kept = taken.value.path().read_text(encoding="utf-8")
    codes = page.locator("pre").inner_text().split()
    assert taken.value.suggested_filename == "recovery-codes.txt"
    assert len(codes) == 10
    assert all(each in kept for each in codes)
    ana.use(ana.link("I have kept them"))
    assert len(devtools.send("WebAuthn.getCredentials", {"authenticatorId": device})["credentials"]) == 1

    # A second one on the same device is none.
    ana.use(page.get_by_role("link", name="Add Passkey"))
    ana.type("What do you call it?", "Again")
    ana.type("Your password", factories.PASSWORD)
    ana.use(ana.button("^Continue$"))
    ana.use(ana.button("^Create Again"))
    expect(page.get_by_text("This device has a passkey for your account already.")).to_be_visible()

    # An app beside it.
    page.goto(f"{site.url}/settings/second-step/app")
    look(ana)
    ana.type("Your password", factories.PASSWORD)
    ana.use(ana.button("^Continue$"))
    look(ana)
    secret = page.locator("pre").inner_text().replace(" ", "")
    ana.type("Code", code(secret))
    ana.use(ana.button("^Turn it on$"))
    expect(page.get_by_text("Signing in asks for a code of your app")).to_be_visible()
    look(ana)
    for path in ("codes", "app/remove", "passkeys/1"):
        page.goto(f"{site.url}/settings/second-step/{path}")
        look(ana)

    # After the password.
    page.context.clear_cookies()
    sign_in(ana, site)
    expect(ana.heading("One more step")).to_be_visible()
    expect(page.get_by_label("Code")).to_be_focused()
    look(ana)
    ana.use(ana.link("Lost it"))
    look(ana)
    ana.use(ana.link("Back"))
    ana.use(ana.button("^Use a passkey"))
    expect(ana.heading("Home")).to_be_attached()

    # Alone, only unlocked, and to where it was asked from.
    page.context.clear_cookies()
    page.goto(f"{site.url}/settings/addresses")
    devtools.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
    ana.use(ana.button("Sign in with a passkey"))
    expect(page.get_by_text("That didn't work, or was stopped. Try again.")).to_be_visible()
    look(ana)
    devtools.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": True})
    ana.use(ana.button("Sign in with a passkey"))
    expect(ana.heading("Email addresses")).to_be_visible()
    page.goto(f"{site.url}/settings/sign-in")
    expect(page.get_by_text(re.compile("Passkey · Last used on"))).to_be_visible()
