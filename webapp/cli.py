"""The commands. Each says what it did; an error is one clear sentence and a non-zero exit."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from flask import Flask

from webapp import config

REPORT_BYTES = 1_000_000
"""As much of a report is read; what it says stands at its beginning."""


def _plainly(command: Callable[..., None]) -> Callable[..., None]:
    """Turn what an operator can act on into one sentence."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        from sqlalchemy.exc import OperationalError

        try:
            command(*args, **kwargs)
        except config.SettingError as error:
            raise click.ClickException(str(error)) from None
        except OperationalError as error:
            raise click.ClickException(f"The database does not answer: {str(error.orig).splitlines()[0]}") from None

    return run


def _app(**given: Any) -> Flask:
    from webapp import create_app

    return create_app(given or None)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def kith() -> None:
    """Kith, a self-hosted professional network.

    Settings come from the environment (KITH_...), else from config.toml in the instance folder; docs/configuration.md lists them.
    """


@kith.command()
@_plainly
def init() -> None:
    """Make the instance folder with its keys, a config.toml to fill in, and the database."""
    values = config.load()
    folder = values["INSTANCE"]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.toml"
    if not path.exists():
        path.write_text(
            "# Settings of this instance; docs/configuration.md explains every one.\n"
            '# site_name = "Northgate Alumni"\n# base_url = "https://kith.example.org"\n# smtp_url = "smtp+starttls://user:password@mail.example.org:587"\n',
            encoding="utf-8",
        )
        click.echo(f"Wrote {path}.")
    _migrate(_app())
    click.echo(f"Ready in {folder}. Next: `kith serve`, join, and `kith make-admin YOUR-ADDRESS`.")


def _migrate(app: Flask) -> None:
    from webapp import schema

    with app.app_context():
        before, after = schema.upgrade()
    if before != after:
        click.echo(f"The database is at revision {after}.")


@kith.command()
@_plainly
def migrate() -> None:
    """Bring the database to the newest revision."""
    _migrate(_app())
    click.echo("Nothing left to migrate.")


@kith.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8000, show_default=True, help="The port to listen on.")
@click.option(
    "--workers",
    default=1,
    show_default=True,
    help="Processes; more than one wants PostgreSQL and `kith migrate` first.",
)
@_plainly
def serve(host: str, port: int, workers: int) -> None:
    """Serve the pages and do the recurring work. One process migrates by itself."""
    from webapp import serve as server

    if port != config.PORT and not config.is_given("BASE_URL"):
        os.environ["KITH_BASE_URL"] = f"http://127.0.0.1:{port}"
    server.check(host, port, config.load())
    if workers == 1:
        _migrate(_app())
    click.echo(f"Kith listens on http://{host}:{port} (Ctrl-C stops it).")
    server.run(host, port, workers)


@kith.command()
@_plainly
def worker() -> None:
    """Do the recurring work in a process of its own."""
    from webapp.jobs import Worker

    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_given: stopped.set())
    work = Worker(_app())
    work.start()
    click.echo("The worker runs (Ctrl-C stops it).")
    stopped.wait()
    work.stop()
    click.echo("The worker has stopped.")


@kith.command()
@click.argument("address", default="")
@_plainly
def bounce(address: str) -> None:
    """Read a delivery report from standard input. ADDRESS is where it was delivered to, if your mail server can say so."""
    from webapp.jobs import mail

    raw = sys.stdin.buffer.read(REPORT_BYTES)
    with _app().app_context():
        ours = mail.read_report(raw, address)
    if not ours:
        raise click.ClickException("This is no report that a mail from here can't be delivered. Nothing was changed.")
    click.echo("Noted: that mail could not be delivered.")


@kith.command("make-admin")
@click.argument("email")
@_plainly
def make_admin(email: str) -> None:
    """Make a member an operator. Without an account, print a link (60 minutes, used once) that makes one."""
    from webapp.domain import accounts
    from webapp.domain.errors import DomainError
    from webapp.transaction import transaction

    with _app().app_context():
        try:
            with transaction():
                link = accounts.make_operator(email)
        except DomainError as error:
            raise click.ClickException(f"{error}.") from None
        if link is None:
            click.echo(f"{email} runs this instance now.")
        else:
            click.echo(
                f"There is no account with {email}. Whoever opens this link within 60 minutes joins with it and runs this instance:"
            )
            click.echo(f"{config.setting('BASE_URL')}/operator/{link}")


@kith.command("sign-out")
@click.argument("email", default="")
@click.option("--everybody", is_flag=True, help="Every member, not one.")
@_plainly
def sign_out(email: str, *, everybody: bool) -> None:
    """Sign a member out everywhere, or all members. App passwords of devices go on."""
    from webapp.domain import accounts
    from webapp.transaction import transaction

    if bool(email) == everybody:
        raise click.ClickException("Name one member by their address, or say --everybody.")
    with _app().app_context(), transaction():
        member = None if everybody else accounts.by_address(email)
        if member is None and not everybody:
            raise click.ClickException(f"Nobody here has confirmed the address {email}.")
        ended = accounts.end_sign_ins(member)
    click.echo(f"{ended} sign-ins ended." if ended != 1 else "1 sign-in ended.")


@kith.command("lift-second-step")
@click.argument("email")
@_plainly
def lift_second_step(email: str) -> None:
    """Remove every second step of a member who has lost them all. Make sure first that it is they who ask."""
    from webapp.domain import accounts, second_steps
    from webapp.transaction import transaction

    with _app().app_context(), transaction():
        member = accounts.by_address(email)
        if member is None:
            raise click.ClickException(f"There is no account with {email}. Nothing was changed.")
        removed = second_steps.lift(member)
    if not any(removed.values()):
        click.echo(f"{email} has no second step. Nothing was changed.")
        return
    counted = ", ".join(f"{name.replace('_', ' ')}s: {number}" for name, number in removed.items())
    click.echo(f"Removed ({counted}). {email} signs in with the password alone now; a mail tells them.")


@kith.command()
@click.option("--rebuild", is_flag=True, help="Count again what is derived, and write it.")
@_plainly
def doctor(*, rebuild: bool) -> None:
    """Show the settings in force and check the database. Exits with 1 when something is wrong."""
    from webapp.jobs import health

    app = _app()
    for name, value in app.config["KITH"].items():
        shown = "(set)" if config.TABLE[name].secret and value else value
        click.echo(f"{name:<30} {shown}")
    with app.app_context():
        problems = health.problems(rebuild=rebuild)
    for problem in problems:
        click.echo(f"Wrong: {problem}", err=True)
    if problems:
        sys.exit(1)
    click.echo("Everything is in order.")


@kith.command("verify-promise")
@_plainly
def verify_promise() -> None:
    """Test every sentence of the contacts promise, on this copy of Kith. Exits with 1 where one is broken.

    It works in a temporary folder, with a provider and a mail server of its own on loopback; your data is not touched, and nothing leaves
    this machine. Settings of yours that the promise depends on are tried as they are.
    """
    import time

    from webapp import proof

    values = config.load()
    begun = time.monotonic()
    found = []
    with proof.prepared({name: values[name] for name in proof.PROMISE_DEPENDS_ON}) as ground:
        for verdict in proof.verdicts(ground):
            click.echo(str(verdict))
            found.append(verdict.is_kept)
    click.echo(f"{sum(found)} of {len(found)} sentences kept, tried in {time.monotonic() - begun:.0f} seconds.")
    if not all(found):
        sys.exit(1)


@kith.command("demo-provider")
@click.option("--port", default=8001, show_default=True)
@click.option(
    "--book", type=click.Path(exists=True, dir_okay=False), help="A JSON file of accounts and their contacts."
)
@_plainly
def demo_provider(port: int, book: str | None) -> None:
    """Run the provider of fictitious address books, for trying Find connections without Google or Microsoft."""
    from pathlib import Path

    from webapp.demo import provider

    provider.serve("127.0.0.1", port, base_url=config.load()["BASE_URL"], books=Path(book) if book else None)


@kith.command()
@click.option("--port", default=8000, show_default=True, help="The application's port; the provider gets the next one.")
@click.option("--keep", is_flag=True, help="Go on with the data of the last time.")
@_plainly
def demo(port: int, *, keep: bool) -> None:
    """Start a living sample community with a demo provider and a mailbox. Its data is made anew each time."""
    from webapp.demo import run

    run.demo(port, keep=keep)


@kith.command()
@click.option("--members", default=10_000, show_default=True, help="How many members.")
@click.option("--connections", default=50, show_default=True, help="How many connections each has on average.")
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same database.")
@click.option("--password", default="a quiet walk by the sea", show_default=True, help="Everybody's password.")
@click.option("--hub", default=0, type=click.IntRange(min=0), help="Give member number 1 exactly so many connections.")
@_plainly
def seed(members: int, connections: int, seed: int, password: str, hub: int) -> None:
    """Fill an empty database for measuring. Member number K is member-K@seed.example."""
    from webapp.demo import seed as filling

    app = _app()
    _migrate(app)
    with app.app_context():
        filling.fill(members, connections, seed, password, hub)


@kith.command()
@_plainly
def docs() -> None:
    """Write the generated pages of docs/ (for working on Kith)."""
    from pathlib import Path

    from webapp.mail import catalog

    for name, page in (("configuration", config.as_markdown()), ("mails", catalog.as_markdown())):
        Path(f"docs/{name}.md").write_text(page, encoding="utf-8")
        click.echo(f"Wrote docs/{name}.md.")


def main() -> None:
    """Run the command line."""
    kith()
