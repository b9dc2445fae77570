"""The command that begins an instance: three questions, a file with the answers, the database, and a link for its first operator."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from webapp import config
from webapp.cli.base import application, kith, plainly, refuse_root, to_newest

HEAD = """\
# Settings of this instance. docs/configuration.md explains every one; what is not here has its default.
# A setting in the environment (KITH_SITE_NAME and so on) goes before the one here. Kith reads this file when it starts.
"""
SAID = {
    "SITE_NAME": "The community's name, shown on every page and in every mail.",
    "BASE_URL": "The address members type; every link in a mail starts with it.",
    "SMTP_URL": "Where mail is handed over. It holds a password: this file is yours alone.",
}
NO_MAIL = "none"
MAIL = """\
Which mail server, as smtp+starttls://user:password@host:587 (or smtps://, smtp://)?
With none, mail is kept at /mailbox, where operators read it; enough to try Kith"""
NOBODY_TO_ASK = "There is nobody to ask here. Say --site-name, --base-url and either --smtp-url or --no-mail, or run this in a terminal."


def _checked(name: str, typed: str) -> str:
    """Return an answer as it is kept; SettingError says what is wrong with it."""
    typed = typed.strip()
    if name == "BASE_URL" and "://" not in typed:
        typed = f"https://{typed}"
    return str(config.checked(name, typed))


def _ask(name: str, question: str, default: str | None = None) -> str:
    """Ask in the terminal until the answer is one that can be used."""

    def check(typed: str) -> str:
        try:
            return _checked(name, "" if typed == NO_MAIL else typed)
        except config.SettingError as error:
            raise click.UsageError(str(error).removeprefix(f"{config.PREFIX}{name} ").capitalize()) from None

    answer: str = click.prompt(question, default=default, value_proc=check, prompt_suffix=" ")
    return answer


@kith.command(short_help="Begin an instance, and make its first operator.")
@click.option("--site-name", help="The community's name, such as: Northgate Alumni")
@click.option(
    "--base-url", help="The address members type: https://kith.example.org, or http://127.0.0.1:8000 to try it."
)
@click.option(
    "--smtp-url",
    help="The mail server: smtp+starttls://user:password@host:587, or smtps:// or smtp://. Asked in a terminal, the password stays out "
    "of the shell's history.",
)
@click.option("--no-mail", is_flag=True, help="No mail server: mail is kept at /mailbox, where operators read it.")
@click.option("--operator", metavar="EMAIL", help="Whose link it is that makes the first operator. Else the link asks.")
@plainly
def init(
    *, site_name: str | None, base_url: str | None, smtp_url: str | None, no_mail: bool, operator: str | None
) -> None:
    """Begin an instance: ask for its name, its address and its mail server, and make its first operator.

    Writes config.toml (readable by you alone) with the answers and nothing else, the keys, and the database. What exists already is left
    as it is. At the end it prints a link: whoever opens it within 60 minutes joins and runs the instance; it can be used once. There is no
    account and no password from the beginning.
    """
    if smtp_url is not None and no_mail:
        raise click.ClickException("--smtp-url and --no-mail do not go together.")
    given = {"SITE_NAME": site_name, "BASE_URL": base_url, "SMTP_URL": "" if no_mail else smtp_url}
    folder: Path = Path(os.environ.get("KITH_INSTANCE") or config.TABLE["INSTANCE"].default).resolve()
    path = folder / "config.toml"
    if path.exists():
        click.echo(f"{path} is there already, and stays as it is{_unheard(given)}.")
    else:
        refuse_root(folder)
        answers = _answers(given)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)  # also one that is there already, as in a clone: what is made in it now is nobody else's
        _write(path, answers)
        click.echo(f"Wrote {path}.")
    app = application()
    to_newest(app)
    with app.app_context():
        _first_operator(operator)
    click.echo(f"Next: kith serve{_port(app.config['KITH']['BASE_URL'])}")


def _port(base_url: str) -> str:
    """Return the option by which Kith listens where its link leads, if that is this machine itself."""
    port = urlsplit(base_url).port or 80
    return f" --port {port}" if config.is_loopback_url(base_url) and port != config.PORT else ""


def _unheard(given: Mapping[str, str | None]) -> str:
    return "; what you said about it was not written" if any(value is not None for value in given.values()) else ""


def _answers(given: Mapping[str, str | None]) -> dict[str, str]:
    """Return what is to be written: the options, else what somebody at the terminal answers; nothing of what the environment says."""
    told = {name: _checked(name, value) for name, value in given.items() if value is not None}
    missing = [name for name in given if name not in told and f"{config.PREFIX}{name}" not in os.environ]
    if not missing:
        return told
    if not sys.stdin.isatty():
        raise click.ClickException(NOBODY_TO_ASK)
    questions: Mapping[str, Callable[[], str]] = {
        "SITE_NAME": lambda: _ask("SITE_NAME", "What is your community called?"),
        "BASE_URL": lambda: _ask("BASE_URL", "Which address will members type?", config.TABLE["BASE_URL"].default),
        "SMTP_URL": lambda: _ask("SMTP_URL", MAIL, NO_MAIL),
    }
    return told | {name: questions[name]() for name in missing}


def _write(path: Path, answers: Mapping[str, Any]) -> None:
    lines = [HEAD]
    for name, words in SAID.items():
        if answers.get(name):
            lines.append(f"# {words}\n{name.lower()} = {json.dumps(answers[name], ensure_ascii=False)}\n")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))


def _first_operator(address: str | None) -> None:
    from webapp.domain import accounts, joining
    from webapp.domain.errors import DomainError
    from webapp.transaction import transaction

    if accounts.has_operators():
        click.echo("This instance has an operator already; `kith make-admin EMAIL` makes another.")
        return
    try:
        with transaction():
            accounts.end_operator_links()
            token = joining.make_operator(address) if address else accounts.operator_link()
    except DomainError as error:
        raise click.ClickException(f"{error}.") from None
    if token is None:
        click.echo(f"{address} runs this instance now.")
        return
    click.echo("Whoever opens this link within 60 minutes joins and runs this instance. It can be used once:")
    click.echo(f"{config.setting('BASE_URL')}/operator/{token}")
