"""The commands that make an instance and run it."""

import os
import signal
import sys
import threading

import click
from flask import Flask

from webapp import config, metrics
from webapp.cli.base import application, kith, plainly, to_newest
from webapp.once import everything_stays

REPORT_BYTES = 1_000_000
"""As much of a report is read; what it says stands at its beginning."""


@kith.command()
@plainly
def migrate() -> None:
    """Do what `kith upgrade` does; the name of before."""
    to_newest(application())
    click.echo("Nothing left to migrate.")


@kith.command(short_help="Serve the pages, and do the recurring work.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8000, type=click.IntRange(1, 65535), show_default=True, help="The port to listen on.")
@click.option(
    "--workers",
    default=1,
    type=click.IntRange(min=1),
    show_default=True,
    help="Processes: as many as the machine has processors, where members wait for pages.",
)
@plainly
def serve(host: str, port: int, workers: int) -> None:
    """Serve the pages and do the recurring work, such as sending mail, until Ctrl-C.

    Without --host only this machine reaches it: for others, put a proxy that speaks https in front (docs/operate.md). It brings the
    database to this version by itself when it starts; with several processes on PostgreSQL, run `kith upgrade` first.
    """
    with everything_stays():
        from webapp import schema
        from webapp import serve as server

    if port != config.PORT and not config.is_given("BASE_URL"):
        os.environ["KITH_BASE_URL"] = f"http://127.0.0.1:{port}"
    values = config.load()
    server.check(host, port, values)
    is_one_of_many = workers > 1 and values["DATABASE_URL"].startswith("postgresql")  # which other hosts may serve, too

    def make() -> Flask:
        app = application(is_begun=is_one_of_many)
        if is_one_of_many:
            with app.app_context():
                schema.require_newest()
        return app

    def say() -> None:
        click.echo(f"Kith listens on http://{host}:{port} (Ctrl-C stops it).")

    server.run(host, port, workers, values["INSTANCE"], make, say)


@kith.command(short_help="Do the recurring work in a process of its own.")
@plainly
def worker() -> None:
    """Do the recurring work in a process of its own, until Ctrl-C: mail, what was held for a minute, archives, who leaves, digests.

    `kith serve` does all this, too, so you need none; with one, that work goes on while no page is served. Any number may run, on any
    machine with the same database and key file: they settle among themselves who works.
    """
    from webapp import schema
    from webapp.jobs import Worker
    from webapp.keeping import serving

    app = application(is_begun=True)
    with app.app_context():
        schema.require_newest()
    serving.hold(app.config["KITH"]["INSTANCE"])
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_given: stopped.set())
    metrics.begin(app.config["KITH"]["INSTANCE"] / metrics.FOLDER)
    work = Worker(app)
    work.start()
    click.echo("The worker runs (Ctrl-C stops it).")
    stopped.wait()
    work.stop()
    click.echo("The worker has stopped.")


@kith.command()
@click.argument("address", default="")
@plainly
def bounce(address: str) -> None:
    """Read a delivery report from standard input. ADDRESS is where it was delivered to, if your mail server can say so.

    For the mail server that takes mail for BOUNCE_ADDRESS: let it pass what it gets to this command. A mail that came back is noted as
    refused for good. Whatever is no report about a mail from here changes nothing, and ends with 1.
    """
    from webapp.jobs import mail

    raw = sys.stdin.buffer.read(REPORT_BYTES)
    with application(is_begun=True).app_context():
        ours = mail.read_report(raw, address)
    if not ours:
        raise click.ClickException("This is no report that a mail from here can't be delivered. Nothing was changed.")
    click.echo("Noted: that mail could not be delivered.")
