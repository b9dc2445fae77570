"""The commands that change an instance as a whole: other keys, another version."""

from pathlib import Path

import click

from webapp.cli.base import application, kith, plainly


@kith.command(short_help="Bring the database to this version of Kith.")
@click.option(
    "--backup",
    "file",
    type=click.Path(path_type=Path),
    help="Where the backup of before goes, instead of into the instance.",
)
@click.option("--without-backup", is_flag=True, help="Make none: you have another copy.")
@click.option("--despite", is_flag=True, help="Go on although the result is not as it should be.")
@plainly
def upgrade(*, file: Path | None, without_backup: bool, despite: bool) -> None:
    """Bring the database to this version of Kith, after you have installed it.

    A backup is made first (instance/backups, for 30 days). Then all changes, and a look at the result, are one
    transaction: whatever goes wrong or whenever it is killed, the database is as it was before, and the old version goes on with it.

    Kith may run meanwhile; it says that it is not ready, and whoever writes waits. Restart it afterwards. `kith serve` does
    all this by itself when it starts; only several processes on PostgreSQL ask for this command first.

    The way back to the version before: stop Kith, install that version, and `kith restore --replace` the backup; what was written since
    is not in it.
    """
    from webapp.cli.progress import progress
    from webapp.jobs import health
    from webapp.keeping import upgrading

    if file and without_backup:
        raise click.UsageError("--backup and --without-backup are two different things: choose one.")
    with application().app_context(), progress() as line:
        done = upgrading.upgrade(
            health.unsound, backup=file, without_backup=without_backup, despite=despite, progress=line
        )
    if done.before == done.after:
        click.echo(f"The database is at revision {done.after} already: there is nothing to upgrade.")
        return
    click.echo(
        f"The database was brought from revision {done.before} to {done.after}, and looked at: {done.rows:,} rows are there."
    )
    if done.backup is not None:
        click.echo(
            f"The backup of before is {done.backup}. Back to the version before: install it, and `kith restore --replace` that file."
        )
    click.echo("Restart Kith where it runs.")


@kith.command("rotate-key", short_help="Make new keys, and bring all that is kept to them.")
@click.option("--drop-old", is_flag=True, help="Make none; take old keys out of the file that nothing needs any more.")
@click.option("--at-once", is_flag=True, help="With --drop-old: also those younger than 90 days, as after a theft.")
@click.option("--write-file", is_flag=True, help="Make none; write the keys of KITH_SECRET_KEY into a key file.")
@plainly
def rotate_key(*, drop_old: bool, at_once: bool, write_file: bool) -> None:
    """Make new keys, and bring everything that is kept to them.

    Stop Kith first (`kith serve`, `kith worker`), on every machine, and start it again afterwards; it takes seconds. Whoever is signed in
    stays so, links in mails go on working, and backups of before can still be restored. When it is interrupted, run it again: until then
    everything can be read. Copy the key file (instance/secret_key) afterwards to where you keep its copy, and to every other machine.

    Old signing keys count for 90 days more, the longest a sign-in lasts; then `kith rotate-key --drop-old` takes them out.
    """
    from webapp.keeping import keys

    if at_once and not drop_old:
        raise click.UsageError("--at-once belongs to --drop-old.")
    if drop_old and write_file:
        raise click.UsageError("--drop-old and --write-file are two different things: choose one.")
    with application(is_begun=True).app_context():
        if write_file:
            click.echo(
                f"Wrote {keys.write_given()}. Now unset KITH_SECRET_KEY, and keep a copy of the file away from the backups."
            )
        elif drop_old:
            _drop_old(at_once=at_once)
        else:
            _rotate()


def _rotate() -> None:
    from webapp.keeping import keys

    done = keys.rotate(click.echo)
    if done.was_unfinished:
        click.echo("A change of keys that was interrupted is finished now. For new keys, run this again.")
    click.echo(f"{done.hashes} hashes and {done.seals} seals are under the new keys (generation {done.generation}).")
    if done.unreadable:
        click.echo(f"{done.unreadable} seals could not be opened, with no key of the file, and stay as they were.")
    click.echo(
        "Copy the key file away from the backups again, and to every machine that serves this instance. Then start Kith."
    )


def _drop_old(*, at_once: bool) -> None:
    from webapp.keeping import keys

    dropped = keys.drop_old(at_once=at_once)
    click.echo(
        f"{dropped.gone} old keys dropped, {dropped.kept} kept" + (f" until {dropped.until}." if dropped.until else ".")
    )
    if dropped.gone:
        click.echo(
            "Whoever signed in before they were replaced signs in again; backups of before need a copy of the key file of their time. "
            "Links in mails that stop mails go on working."
        )
