"""`kith demo`: the sample community and the demo provider, side by side until Ctrl-C."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click

from webapp import config, serve
from webapp.demo import community


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
    beside = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "webapp", "demo-provider", "--port", str(port + 1), "--book", str(book)],
        stdout=subprocess.DEVNULL,
    )
    try:
        _say(base, folder)
        serve.run("127.0.0.1", port, 1, demo=True)
    finally:
        beside.terminate()
        beside.wait(timeout=10)


def _settings(folder: Path, base: str, provider: str) -> dict[str, str]:
    google, microsoft = config.TABLE["GOOGLE_DOMAINS"].default, config.TABLE["MICROSOFT_DOMAINS"].default
    return {
        "INSTANCE": str(folder),
        "BASE_URL": base,
        "SITE_NAME": community.SITE,
        "OPERATOR_NAME": "the Northgate Alumni association",
        "POSTAL_ADDRESS": "1 Harbour Street, Northgate",
        "SIGN_IN_WITH": "google microsoft",
        "GOOGLE_CLIENT_ID": "demo-google",
        "GOOGLE_CLIENT_SECRET": "secret-of-demo-google",
        "GOOGLE_METADATA_URL": f"{provider}/google/.well-known/openid-configuration",
        "GOOGLE_CONTACTS_URL": f"{provider}/google",
        "GOOGLE_DOMAINS": " ".join((*google, community.GOOGLE_DOMAIN)),
        "MICROSOFT_CLIENT_ID": "demo-microsoft",
        "MICROSOFT_CLIENT_SECRET": "secret-of-demo-microsoft",
        "MICROSOFT_METADATA_URL": f"{provider}/microsoft/common/v2.0/.well-known/openid-configuration",
        "MICROSOFT_CONTACTS_URL": f"{provider}/microsoft",
        "MICROSOFT_DOMAINS": " ".join((*microsoft, community.MICROSOFT_DOMAIN)),
    }


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
        db.engine.dispose()


def _say(base: str, folder: Path) -> None:
    click.echo(
        f"""
  {community.SITE} lives at {base}

  Sign in as   {community.SAMPLE.address}
  Password     {community.PASSWORD}
  Mailbox      {base}/mailbox   (no mail leaves this machine; it is all here)

  Try this: My network, Find connections, Continue, allow the demo provider to read the contacts, add those who are here,
  invite two of the others, wait a minute, open the mailbox, follow the link in the invitation in a private window, and join.

  The data is in {folder} and is made anew by every `make demo`. Ctrl-C stops it.
"""
    )
