"""`kith demo`: the sample community and the demo provider, side by side until Ctrl-C."""

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from flask import Flask

from webapp import config, serve
from webapp.config import SettingError
from webapp.demo import community

DISCOVERY = {
    "google": "/google/.well-known/openid-configuration",
    "microsoft": "/microsoft/common/v2.0/.well-known/openid-configuration",
}


def demo(port: int, *, keep: bool) -> None:
    """Make the community anew (unless `keep`), start the provider beside it, and serve until told to stop."""
    folder = Path(os.environ.get("KITH_INSTANCE", config.TABLE["INSTANCE"].default)).resolve() / "demo"
    base, provider = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}"
    for name in [name for name in os.environ if name.startswith(config.PREFIX)]:
        del os.environ[name]  # the demo is its own instance, whatever is set for another
    os.environ.update({f"{config.PREFIX}{name}": value for name, value in _settings(folder, base, provider).items()})
    book = folder / "address_books.json"
    serve.check("127.0.0.1", port, config.load())
    serve.check("127.0.0.1", port + 1, config.load())
    if not keep or not book.exists():
        _anew(folder, book)
    with provider_beside(port + 1, book):
        serve.run("127.0.0.1", port, 1, folder, _made, lambda: _say(base, folder))


@contextmanager
def provider_beside(port: int, book: Path) -> Iterator[None]:
    """Keep the demo provider running on `port`, and give way once it answers. SettingError when it cannot start.

    The port was free before the community was made, but that takes a while, and without its provider a demo fails only
    when somebody presses Continue.
    """
    running = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "webapp", "demo-provider", "--port", str(port), "--book", str(book)],
        stdout=subprocess.DEVNULL,
    )
    try:
        while not _answers(port):
            if running.poll() is not None:
                raise SettingError(f"The demo provider could not start on port {port}. Choose another with --port.")
            time.sleep(0.1)
        yield
    finally:
        running.terminate()
        running.wait(timeout=10)


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}{DISCOVERY['google']}", timeout=5).close()
    except OSError:
        return False
    return True


def _settings(folder: Path, base: str, provider: str) -> dict[str, str]:
    google, microsoft = config.TABLE["GOOGLE_DOMAINS"].default, config.TABLE["MICROSOFT_DOMAINS"].default
    return {
        "INSTANCE": str(folder),
        "BASE_URL": base,
        "LOG_REQUESTS": "false",  # whoever tries it out wants to read what is said below
        "SITE_NAME": community.SITE,
        "OPERATOR_NAME": "the Northgate Alumni association",
        "POSTAL_ADDRESS": "1 Harbour Street, Northgate",
        "SIGN_IN_WITH": "google microsoft",
        "GOOGLE_CLIENT_ID": "demo-google",
        "GOOGLE_CLIENT_SECRET": "secret-of-demo-google",
        "GOOGLE_METADATA_URL": f"{provider}{DISCOVERY['google']}",
        "GOOGLE_CONTACTS_URL": f"{provider}/google",
        "GOOGLE_DOMAINS": " ".join((*google, community.GOOGLE_DOMAIN)),
        "MICROSOFT_CLIENT_ID": "demo-microsoft",
        "MICROSOFT_CLIENT_SECRET": "secret-of-demo-microsoft",
        "MICROSOFT_METADATA_URL": f"{provider}{DISCOVERY['microsoft']}",
        "MICROSOFT_CONTACTS_URL": f"{provider}/microsoft",
        "MICROSOFT_DOMAINS": " ".join((*microsoft, community.MICROSOFT_DOMAIN)),
    }


def _made() -> Flask:
    from webapp import create_app

    app = create_app()
    app.config["DEMO"] = True
    return app


def _anew(folder: Path, book: Path) -> None:
    """Throw the demo's own folder away and fill a new one. Nothing but that folder is touched."""
    click.echo("Making the sample community ...")
    shutil.rmtree(folder, ignore_errors=True)
    from webapp import create_app, schema
    from webapp.extensions import db

    app = create_app()
    with app.app_context():
        schema.upgrade()
        community.build(book)
        community.appoint()
        db.engine.dispose()


def _say(base: str, folder: Path) -> None:
    click.echo(
        f"""
  {community.SITE} lives at {base}

  Sign in as   {community.SAMPLE.address}
  Password     {community.PASSWORD}
  Runs it      {community.OPERATOR[1]}, with the same password: {base}/admin
  Mailbox      {base}/mailbox   (no mail leaves this machine; it is all here)

  Try this: My network, Find connections, Continue, allow the demo provider to read the contacts, add those who are here,
  invite two of the others, wait a minute, open the mailbox, follow the link in the invitation in a private window, and join.

  The data is in {folder} and is made anew by every `make demo`. Ctrl-C stops it.
"""
    )
