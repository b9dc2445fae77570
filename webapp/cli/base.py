"""What every command has: the group it belongs to, the application, and an error that is one sentence."""

import errno
import os
import pwd
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click
from flask import Flask

from webapp import config

NOT_ALLOWED = "42501"
"""What PostgreSQL calls it: https://www.postgresql.org/docs/current/errcodes-appendix.html"""


def plainly(command: Callable[..., None]) -> Callable[..., None]:
    """Turn what an operator can act on into one sentence."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        from sqlalchemy.exc import DatabaseError, OperationalError, ProgrammingError

        try:
            command(*args, **kwargs)
        except config.SettingError as error:
            raise click.ClickException(str(error)) from None
        except OperationalError as error:
            raise click.ClickException(f"The database does not answer: {str(error.orig).splitlines()[0]}") from None
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) != NOT_ALLOWED:
                raise
            raise click.ClickException(
                f"The database lets its user do too little ({str(error.orig).splitlines()[0]}): "
                "make that user the owner of the database (docs/operate.md, Moving to PostgreSQL)."
            ) from None
        except DatabaseError as error:
            if type(error) is not DatabaseError:  # a mistake of ours, which has a name
                raise
            raise click.ClickException(
                f"The database is damaged ({error.orig}): restore the last backup (docs/operate.md, Restoring on a bad day)."
            ) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # whoever reads what is printed has gone
                raise
            raise click.ClickException(_about_file(error)) from None

    return run


def _about_file(error: OSError) -> str:
    said = f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror or error}."
    if isinstance(error, PermissionError):
        return f"{said} Run this as the user that Kith runs as, who has to be able to read and write there."
    return said


def application(*, is_begun: bool = False) -> Flask:
    """Return the application with the settings in force, and with the keys that its database knows.

    SettingError where the database is of a newer version, where root would leave files that Kith cannot use, and, when it has to be
    `is_begun` already, where nothing is: then nothing is made.
    """
    from webapp import create_app, schema
    from webapp.keeping import keys, restoring

    values = config.load()
    refuse_root(values["INSTANCE"])
    if is_begun and not schema.holds_data(restoring.url_of(values)):
        raise _none(values)
    app = create_app()
    with app.app_context():
        schema.refuse_newer()
        if is_begun and schema.current() is None:
            raise _none(values)
    keys.settle(app)
    return app


def _none(values: dict[str, Any]) -> config.SettingError:
    if values["DATABASE_URL"]:
        return config.SettingError(
            f"The database of {config.PREFIX}DATABASE_URL has nothing of Kith in it: name another one, or begin with `kith init`."
        )
    return config.SettingError(
        f"There is no Kith in {values['INSTANCE']}: go to where you began one, name its folder in {config.PREFIX}INSTANCE, "
        "or begin one with `kith init`."
    )


def refuse_root(folder: Path) -> None:
    """Raise SettingError where root would work in a folder of somebody else, who could not use the files that are made then."""
    if os.geteuid() != 0 or not folder.exists() or (whose := folder.stat().st_uid) == 0:
        return
    try:
        name = pwd.getpwuid(whose).pw_name
    except KeyError:
        name = f"#{whose}"
    raise config.SettingError(
        f"{folder} belongs to {name}, and what root makes there could not be used by {name}: put `runuser -u {name} --` before the command."
    )


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
