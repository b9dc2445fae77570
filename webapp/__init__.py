"""Kith: a self-hosted professional network. `create_app` puts it together."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from webapp.once import everything_stays

with everything_stays():  # all of these are there until the end
    from flask import Flask
    from jinja2 import StrictUndefined
    from werkzeug.middleware.proxy_fix import ProxyFix

    from webapp import config, databases, logs, models, schema, transaction  # noqa: F401 - the tables must be known before they are made
    from webapp.extensions import babel, csrf, db

__all__ = ["create_app"]

REQUEST_BYTES = 500_000
SIGN_IN_DAYS = 90


def create_app(given: Mapping[str, Any] | None = None) -> Flask:
    """Return the application for the given settings (else those of the environment and the instance folder).

    Raises `config.SettingError` with one sentence when it cannot start safely.
    """
    logs.configure()
    values = config.load(given)
    folder = values["INSTANCE"]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sqlite = folder / "kith.sqlite3"
    app = Flask(__name__, instance_path=str(folder), static_folder=None)  # web/assets.py serves the static files
    app.config["KITH"] = values
    url = values["DATABASE_URL"] or f"sqlite:///{sqlite}"
    keys = config.keys(values, has_data=lambda: schema.holds_data(url))
    app.config["KEYS"] = keys
    _connect(app, url, values)
    _configure(app, keys, https=values["BASE_URL"].startswith("https://"))
    db.init_app(app)
    babel.init_app(app)
    _register(app)
    if values["TRUSTED_PROXIES"]:  # last, so that whoever answers knows what the proxy said
        hops = values["TRUSTED_PROXIES"]
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app


def _connect(app: Flask, url: str, values: Mapping[str, Any]) -> None:
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = databases.options(url, pooled=values["DATABASE_POOLED"])
    if values["DATABASE_REPLICA_URL"]:
        databases.add_replica(app, values["DATABASE_REPLICA_URL"], pooled=values["DATABASE_POOLED"])


def _configure(app: Flask, keys: config.Keys, *, https: bool) -> None:
    from webapp.web.routes import Rule
    from webapp.web.templating import Templates

    app.url_rule_class = Rule
    app.jinja_environment = Templates
    app.jinja_options = {"cache_size": -1}  # there are as many as there are; which one was used last need not be kept
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.config.update(
        SECRET_KEY=keys.signing[0].hex(),
        SECRET_KEY_FALLBACKS=[key.hex() for key in keys.signing[1:]],
        WTF_CSRF_SECRET_KEY=[key.hex() for key in reversed(keys.signing)],  # the last signs, all count
        # The prefix makes a browser refuse the cookie from another host or over plain http.
        SESSION_COOKIE_NAME="__Host-kith" if https else "kith",
        SESSION_COOKIE_SECURE=https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        PERMANENT_SESSION_LIFETIME=timedelta(days=SIGN_IN_DAYS),
        SESSION_REFRESH_EACH_REQUEST=False,
        MAX_CONTENT_LENGTH=REQUEST_BYTES,  # a handler that takes a file says so: web/limits.py
        WTF_CSRF_TIME_LIMIT=None,  # a page may stay open as long as the sign-in
        WTF_CSRF_SSL_STRICT=False,  # web/headers.py looks at Origin and Sec-Fetch-Site instead of Referer
        BABEL_DEFAULT_LOCALE="en",
    )


def _register(app: Flask) -> None:
    """Bind everything to the application, in the order in which a request meets it."""
    from webapp.blueprints import (
        about_me,
        accounts,
        acts,
        admin,
        archives,
        cards,
        connections,
        contacts,
        dav,
        devices,
        feed,
        fields,
        introductions,
        invitations,
        join,
        joining,
        leaving,
        links,
        log_ins,
        mailbox,
        messages,
        notifications,
        people,
        profiles,
        public,
        recovering,
        saved_searches,
        second_steps,
        settings,
        suggestions,
        unsubscribe,
    )
    from webapp.web import (
        access,
        assets,
        back,
        consents,
        errors,
        filters,
        headers,
        limits,
        looks,
        making,
        replica,
        sessions,
        shell,
        templating,
        watching,
    )
    from webapp.web import log_ins as log_ins_offered

    sessions.bind(app)
    transaction.begin_requests(app)
    replica.bind(app)
    headers.bind(app)
    limits.bind(app)
    csrf.init_app(app)
    access.bind(app)
    errors.bind(app)
    making.bind(app)
    looks.bind(app)
    watching.bind(app)
    assets.bind(app)
    templating.bind(app)
    filters.bind(app)
    back.bind(app)
    shell.bind(app)
    consents.register(app)
    log_ins_offered.bind(app)
    nouns = (
        about_me,
        accounts,
        acts,
        admin,
        archives,
        cards,
        connections,
        contacts,
        dav,
        devices,
        feed,
        fields,
        introductions,
        invitations,
        join,
        joining,
        leaving,
        links,
    )
    more = (log_ins, mailbox, messages, notifications, people, profiles, public, recovering, saved_searches)
    for noun in (*nouns, *more, second_steps, settings, suggestions, unsubscribe):
        app.register_blueprint(noun.bp)
    app.register_blueprint(contacts.ledger.bp)
    transaction.settle_requests(app)  # last, so that what runs after it finds the request settled
