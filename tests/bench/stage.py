"""A community with its browsers: every page of it as a case to measure."""

import itertools
from typing import Any

from flask import Flask, render_template
from limits import RateLimitItemPerHour
from sqlalchemy import select

from tests.bench import database
from tests.bench.measuring import Case
from tests.conftest import Browser
from webapp.domain import people, throttles
from webapp.extensions import db
from webapp.models.member import Member

PAGES = (
    "/feed",
    "/network",
    "/suggestions",
    "/connections",
    "/connections?sort=first",
    "/connections?sort=last",
    "/connections?sort=contact",
    "/connections?q=ma",
    "/connections?field=Engineering",
    "/connections/filter",
    "/people",
    "/people?q=ma",
    "/people/saved",
    "/fields",
    "/fields/law",
    "/people/{stranger}",
    "/people/{popular}",
    "/messages",
    "/messages/{talk}",
    "/notifications",
    "/invitations",
    "/invitations/sent",
    "/invitations/ignored",
    "/invitations/guests",
    "/contacts",
    "/settings",
    "/settings/blocked",
)
VIEWERS = ("median", "hub", "cap")
DRAWN = "drawn"
NOTHING = """{% extends "layouts/page.html" %}{% block main %}<h1>Nothing</h1>{% endblock %}"""


class Stage:
    """The application, the members who are measured, and their browsers."""

    def __init__(self, app: Any, cast: database.Cast, rounds: int) -> None:
        self.app, self.cast, self.rounds = app, cast, rounds
        # Who is measured turns more pages than anybody.
        throttles.RESULT_PAGES = RateLimitItemPerHour(10**9, 1, namespace="result-pages")
        page = app.jinja_env.from_string(NOTHING)
        app.add_url_rule("/bench/nothing", "nothing", lambda: render_template(page))
        self.members = people.total()
        ids = {name: getattr(cast, name) for name in VIEWERS}
        self.browsers = {name: Browser(app, each) for name, each in ids.items()}
        self.degrees = {name: database.member(each).degree for name, each in ids.items()}
        self.talks = {name: database.talk(database.member(each)) for name, each in ids.items()}
        self.drawn = [(Browser(app, each), database.talk(database.member(each))) for each in cast.drawn]
        for browser, _talk in self.drawn:  # what is noted of who comes for the first time in a day is no part of a page
            browser.get("/settings")
        popular = select(Member.id).where(Member.id != cast.cap).order_by(Member.degree.desc()).limit(1)
        self.known = {
            "stranger": self.handle(cast.strangers[-1]),
            "popular": self.handle(db.session.scalars(popular).one()),
        }
        self.null = self.page(Browser(app), "/livez")
        self.bare = Case(lambda _given: self._bare.get("/"))
        bare = Flask("bare")
        bare.add_url_rule("/", "nothing", lambda: "ok\n")
        self._bare = bare.test_client()
        db.session.rollback()

    def handle(self, member_id: int) -> str:
        """Return somebody's handle."""
        found = db.session.scalars(select(Member.handle).where(Member.id == member_id)).one()
        db.session.rollback()
        return found

    def page(self, browser: Browser, url: str) -> Case:
        """Ask for a page."""

        def run(_given: None) -> None:
            answer = browser.get(url)
            assert answer.status_code == 200, (url, answer.status_code)

        return Case(run)

    def shown(self, name: str, url: str) -> Case:
        """Show a page to a viewer: to the median member, the hub or the one near the cap, or to the next one drawn each time."""
        if name != DRAWN:
            return self.page(self.browsers[name], self.address(url, self.talks[name]))
        cases = itertools.cycle([self.page(browser, self.address(url, talk)) for browser, talk in self.drawn])
        return Case(lambda case: case.run(None), lambda: next(cases))

    def address(self, url: str, talk: str) -> str:
        """Return the address of a page: others are named in it by {stranger} and {popular}, a conversation by {talk}."""
        return url.format(**self.known, talk=talk)
