"""The commands that look whether all is well, and whether the promise is kept."""

import sys

import click

from webapp import config
from webapp.cli.base import application, kith, plainly


@kith.command()
@click.option("--rebuild", is_flag=True, help="Count again what is derived, and write it.")
@click.option("--json", "as_json", is_flag=True, help="For programs: settings and findings as JSON.")
@plainly
def doctor(*, rebuild: bool, as_json: bool) -> None:
    """Look whether all is well. Exits with 1 when something is wrong.

    First the settings in force, secrets masked; then a line for each finding. OK: as it should be. Note: you should know it. Wrong:
    somebody has to act. Nothing is changed without --rebuild. What other mail servers find under your sender's domain (SPF, DKIM, DMARC)
    is asked of DNS; that it does not answer is a note.
    """
    import json

    from webapp.jobs import checkup

    app = application(is_begun=True)
    shown = {name: config.TABLE[name].shown(value) for name, value in app.config["KITH"].items()}
    with app.app_context():
        found = list(checkup.findings(rebuild=rebuild))
    wrong = [each for each in found if each.level == "Wrong"]
    if as_json:
        said = [{"topic": each.topic, "level": each.level, "sentence": each.sentence} for each in found]
        click.echo(json.dumps({"settings": shown, "findings": said}, ensure_ascii=False, indent=1))
    else:
        for name, value in shown.items():
            click.echo(f"{name:<30} {value}")
        for topic in dict.fromkeys(each.topic for each in found):
            click.echo(f"\n{topic}")
            for each in found:
                if each.topic == topic:
                    click.echo(f"  {each.level + ':':<7}{each.sentence}")
        click.echo("")
        for each in wrong:
            click.echo(f"Wrong: {each.sentence}", err=True)
        if not wrong:
            click.echo("Everything is in order.")
    if wrong:
        sys.exit(1)


@kith.command("verify-promise", short_help="Test every sentence of the contacts promise.")
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
