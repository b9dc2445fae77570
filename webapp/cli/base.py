"""What every command has: the group it belongs to, the application, and an error that is one sentence."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from flask import Flask

from webapp import config


def plainly(command: Callable[..., None]) -> Callable[..., None]:
    """Turn what an operator can act on into one sentence."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        from sqlalchemy.exc import DatabaseError, OperationalError

        try:
            command(*args, **kwargs)
        except config.SettingError as error:
            raise click.ClickException(str(error)) from None
        except OperationalError as error:
            raise click.ClickException(f"The database does not answer: {str(error.orig).splitlines()[0]}") from None
        except DatabaseError as error:
            if type(error) is not DatabaseError:  # a mistake of ours, which has a name
                raise
            raise click.ClickException(
                f"The database is damaged ({error.orig}): restore the last backup (docs/operate.md, Restoring on a bad day)."
            ) from None

    return run


def application(**given: Any) -> Flask:
    """Return the application with the settings in force, `given` before all others, and with the keys that its database knows.

    SettingError where the database is of a newer version.
    """
    from webapp import create_app, schema
    from webapp.keeping import keys

    app = create_app(given or None)
    with app.app_context():
        schema.refuse_newer()
    keys.settle(app)
    return app


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def kith() -> None:
    """Kith, a self-hosted professional network.

    Settings come from the environment (KITH_...), else from config.toml in the instance folder; docs/configuration.md lists them.
    """


def to_newest(app: Flask) -> None:
    """Bring the database to the newest revision as `kith upgrade` does, and say so where it was not there yet."""
    from webapp import schema
    from webapp.extensions import db
    from webapp.keeping.errors import Refused

    with app.app_context():
        if schema.current() == schema.wanted():
            db.engine.dispose()  # a server's processes begin from here, and share no connection
            return
        from webapp.jobs import health
        from webapp.keeping import upgrading

        try:
            done = upgrading.upgrade(health.unsound)
        except Refused as error:
            raise click.ClickException(str(error)) from None
        finally:
            db.engine.dispose()
    click.echo(f"The database is at revision {done.after}.")
    if done.backup is not None:
        click.echo(f"A backup of it as it was, at revision {done.before}, is in {done.backup}.")
