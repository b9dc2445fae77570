"""The commands that keep an instance: a copy of it, and the way back."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from webapp.cli.base import application, kith, plainly
from webapp.cli.progress import progress

_FILE = click.Path(path_type=Path)


@contextmanager
def _instance() -> Iterator[None]:
    """Work in the instance of the settings, and let go of its database afterwards."""
    from webapp.extensions import db

    with application(is_begun=True).app_context():
        try:
            yield
        finally:
            db.session.remove()
            db.engine.dispose()


def _size(file: Path) -> str:
    return f"{file.stat().st_size / 1_000_000:,.1f} MB"


@kith.command(short_help="Write a backup into a new file, while Kith runs.")
@click.argument("file", type=_FILE)
@click.option("--with-key", is_flag=True, help="Put the key file and config.toml into it, too. Asks first.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@plainly
def backup(file: Path, *, with_key: bool, yes: bool) -> None:
    """Write a backup of the instance into the new file FILE, while it runs.

    It is one moment of the whole database, in the same form from SQLite and from PostgreSQL, and can be restored on either with
    `kith restore FILE`. Nobody has to stop or wait. FILE appears when it is whole, readable by you alone.

    The key file (secret_key in the instance folder) and config.toml are not in it: keep a copy of both elsewhere. Without the key file
    a backup can't be restored, and whoever finds one can't read what is sealed in it. With --with-key both are in it, and FILE alone
    opens everything.
    """
    from webapp.keeping import backup as backups

    if with_key and not yes:
        question = "Whoever has a backup with the key file can read everything in it. Put the key file into it?"
        click.confirm(question, abort=True)
    with _instance(), progress() as line:
        manifest = backups.back_up(file, with_key=with_key, progress=line)
    rows = sum(manifest.rows.values())
    click.echo(f"Wrote {file} ({_size(file)}): {rows:,} rows of {len(manifest.rows)} tables, as of {manifest.made_at}.")
    if manifest.has_keys:
        click.echo("The key file is in it: keep it where nobody else comes.")
    else:
        click.echo("The key file is not in it. Keep a copy of it elsewhere: without it, no backup can be restored.")


@kith.command()
@click.argument("file", type=_FILE)
@click.option(
    "--replace",
    is_flag=True,
    help="Set the database that is there aside, and take over from it what must not be undone.",
)
@click.option(
    "--old-database",
    default="",
    metavar="FILE|URL",
    help="Take that over from another database than the one that is there.",
)
@plainly
def restore(file: Path, *, replace: bool, old_database: str) -> None:
    """Bring the instance back from the backup FILE. Stop Kith first.

    The instance folder must hold the key file the backup was made with (unless it was made --with-key), and no database; on PostgreSQL,
    KITH_DATABASE_URL names an empty one. Everything is checked before anything is changed, and a backup of an older Kith is brought to the
    newest revision.

    What somebody refused or ended since the backup was made must not be undone: name the database that it replaces. On SQLite,
    --replace does, and sets it aside in a folder beside the new one; on PostgreSQL, --old-database with its URL. Opt-outs are added to
    those of the backup, and who has left, is leaving, was suspended or blocked since is so again.

    Afterwards everybody is signed out, links in mails to members end, and mails that waited are not sent, because they may have left
    since. Links in invitations to guests go on.
    """
    from webapp.keeping import restoring

    with progress() as line:
        done = restoring.restore(file, replace=replace, old_database=old_database, progress=line)
    made = done.manifest
    click.echo(f"Restored {file}: {made.rows['member']:,} members, as of {made.made_at}.")
    if made.revision != done.revision:
        click.echo(f"The database was brought from revision {made.revision} to {done.revision}.")
    _say_merged(done.merged)
    if done.settled is not None:
        ended = f"{done.settled.sign_ins:,} sign-ins and {done.settled.links:,} links were ended"
        click.echo(f"{ended}; {done.settled.mails:,} mails that waited are marked as uncertain and are not sent.")
    if done.set_aside is not None:
        click.echo(f"What stood here before is in {done.set_aside}; delete that folder when you need it no more.")
    click.echo("Next: `kith doctor`, then `kith serve`.")


def _say_merged(merged: Any) -> None:
    """Say what was taken over from the database that a backup replaces, and what could not be."""
    if merged is None:
        click.echo("No database was there that it replaces, so opt-outs and deletions made since then are not known.")
        return
    click.echo(f"Of the database that it replaces, {merged.opt_outs:,} opt-outs were added.")
    if not merged.is_later and not merged.is_whole:
        click.echo("It is damaged: opt-outs may be missing among them, and nothing else could be taken over.")
        return
    if not merged.is_later:
        click.echo("The backup was not taken of that one: nothing else was taken over.")
        return
    click.echo(
        f"Since the backup {merged.left:,} members had left, {merged.leaving:,} asked to, {merged.suspended:,} were suspended,"
        f" {merged.blocked:,} blocked somebody, and {merged.guests:,} invitations by email had changed: that stays so."
    )
    if not merged.is_whole:
        click.echo("It is damaged, so who has left is not known: those who did are here again. The rest of it counts.")


@kith.command(short_help="Copy everything into another, empty database.")
@click.argument("database_url")
@plainly
def move(database_url: str) -> None:
    """Copy everything into the empty database DATABASE_URL, from SQLite to PostgreSQL or back. Stop Kith first.

    DATABASE_URL is postgresql+psycopg://user:password@host/name, or sqlite:////folder/kith.sqlite3. While it runs nobody can write. At the
    end both sides are read again and compared, table by table: the number of rows, and a sum of digests of all their values, which is
    printed. Where anything differs, nothing is moved.

    The database in use is not changed. Kith uses the new one when you set KITH_DATABASE_URL (or database_url in config.toml), as this says
    at the end. Address books that are being looked through and archives waiting to be downloaded come along.
    """
    from webapp.keeping import moving

    with _instance(), progress() as line:
        proofs = moving.move(database_url, line)
    for proof in proofs:
        click.echo(str(proof))
    rows = sum(proof.here.rows for proof in proofs)
    click.echo(
        f"All {rows:,} rows of {len(proofs)} tables are the same in both databases. The one in use was not changed."
    )
    click.echo(
        "Next: set KITH_DATABASE_URL to the new one (in config.toml: database_url), then `kith doctor` and `kith serve`."
    )
