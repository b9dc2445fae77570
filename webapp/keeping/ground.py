"""An application with nothing but a database: what the rules need to work on a copy that is being made."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from flask import Flask

from webapp import transaction
from webapp.config import Keys
from webapp.extensions import db

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


def silent(_what: str, _done: int, _all: int) -> None:
    """Tell nobody."""


@contextmanager
def database(values: Mapping[str, Any], keys: Keys, url: str) -> Iterator[None]:
    """Let the rules and the models work on another database than the one of the settings, and let go of it afterwards."""
    app = Flask("webapp", instance_path=str(values["INSTANCE"]), static_folder=None)
    app.config["KITH"] = {**values, "DATABASE_URL": url}
    app.config["KEYS"] = keys
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"hide_parameters": True}
    db.init_app(app)
    with app.app_context():
        transaction.prepare(db.engine)
        try:
            yield
        finally:
            db.session.remove()
            db.engine.dispose()
