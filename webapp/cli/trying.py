"""The commands for trying Kith, for measuring it and for working on it."""

import click

from webapp import config
from webapp.cli.base import application, kith, plainly, to_newest


@kith.command("demo-provider", short_help="Run a provider of fictitious address books.")
@click.option("--port", default=8001, type=click.IntRange(1, 65535), show_default=True, help="The port to listen on.")
@click.option(
    "--book", type=click.Path(exists=True, dir_okay=False), help="A JSON file of accounts and their contacts."
)
@plainly
def demo_provider(port: int, book: str | None) -> None:
    """Run the provider of fictitious address books, for trying Find connections without Google or Microsoft."""
    from pathlib import Path

    from webapp.demo import provider

    provider.serve("127.0.0.1", port, base_url=config.load()["BASE_URL"], books=Path(book) if book else None)


@kith.command(short_help="Start a living sample community, made anew.")
@click.option(
    "--port",
    default=8000,
    type=click.IntRange(1, 65534),
    show_default=True,
    help="The application's port; the provider gets the next one.",
)
@click.option("--keep", is_flag=True, help="Go on with the data of the last time.")
@plainly
def demo(port: int, *, keep: bool) -> None:
    """Start a living sample community with a demo provider and a mailbox. Its data is made anew each time."""
    from webapp.demo import run

    run.demo(port, keep=keep)


@kith.command()
@click.option("--members", default=10_000, type=click.IntRange(min=1), show_default=True, help="How many members.")
@click.option(
    "--connections",
    default=50,
    type=click.IntRange(min=0),
    show_default=True,
    help="How many connections each has on average.",
)
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same database.")
@click.option("--password", default="a quiet walk by the sea", show_default=True, help="Everybody's password.")
@click.option("--hub", default=0, type=click.IntRange(min=0), help="Give member number 1 exactly so many connections.")
@plainly
def seed(members: int, connections: int, seed: int, password: str, hub: int) -> None:
    """Fill an empty database for measuring. Member number K is member-K@seed.example."""
    from webapp.cli.progress import progress
    from webapp.demo import seed as filling

    app = application()
    to_newest(app)
    with app.app_context(), progress() as line:
        done = filling.fill(members, connections, seed, password, hub, line)
    click.echo(done)


@kith.command(short_help="Write the generated pages of docs/.")
@plainly
def docs() -> None:
    """Write the generated pages of docs/ (for working on Kith)."""
    from pathlib import Path

    from webapp.mail import catalog

    for name, page in (("configuration", config.as_markdown()), ("mails", catalog.as_markdown())):
        Path(f"docs/{name}.md").write_text(page, encoding="utf-8")
        click.echo(f"Wrote docs/{name}.md.")
