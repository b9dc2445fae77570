"""The commands that look whether all is well, and whether the promise is kept."""

import sys

import click

from webapp import config
from webapp.cli.base import application, kith, plainly


@kith.command()
@click.option("--rebuild", is_flag=True, help="Count again what is derived, and write it.")
@plainly
def doctor(*, rebuild: bool) -> None:
    """Show the settings in force and check the database. Exits with 1 when something is wrong."""
    from webapp.jobs import health

    app = application()
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
@plainly
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
