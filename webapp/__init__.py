"""Kith: a self-hosted professional network. `create_app` puts it together."""

from collections.abc import Mapping
from typing import Any

from flask import Flask

from webapp import config, models, transaction  # noqa: F401 - the tables must be known before they are made
from webapp.extensions import db, migrate

__all__ = ["create_app"]


def create_app(given: Mapping[str, Any] | None = None) -> Flask:
    """Return the application for the given settings (else those of the environment and the instance folder).

    Raises `config.SettingError` with one sentence when it cannot start safely.
    """
    values = config.load(given)
    folder = values["INSTANCE"]
    folder.mkdir(parents=True, exist_ok=True)
    sqlite = folder / "kith.sqlite3"
    app = Flask(__name__, instance_path=str(folder))
    app.config["KITH"] = values
    keys = config.keys(values, has_data=sqlite.exists())
    app.config["KEYS"] = keys
    app.config["SECRET_KEY"] = keys.signing[0].hex()
    app.config["SECRET_KEY_FALLBACKS"] = [key.hex() for key in keys.signing[1:]]
    app.config["SQLALCHEMY_DATABASE_URI"] = values["DATABASE_URL"] or f"sqlite:///{sqlite}"
    db.init_app(app)
    migrate.init_app(app, db, directory=str(folder.parent / "migrations"), render_as_batch=True)
    transaction.bind(app)
    _register(app)
    return app


def _register(app: Flask) -> None:
    from webapp.blueprints import public

    app.register_blueprint(public.bp)
