"""The demo provider: fictitious accounts with address books, behind the same consent and interfaces as Google's and Microsoft's.

A process of its own on loopback, for `kith demo` and the tests. It keeps everything in memory and speaks both dialects: `/google` and
`/microsoft`. PKCE S256 is demanded, and a code used twice ends its tokens.
"""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, abort, request, send_from_directory
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

from webapp.config import SettingError, is_loopback
from webapp.demo.provider.consent import TOKEN_SECONDS, Consent
from webapp.demo.provider.contacts import Graph, People
from webapp.demo.provider.memory import SCOPES, Books, Client, Provider

__all__ = ["DEFAULT_BOOKS", "Books", "Client", "check", "create_provider", "default_clients", "read_books", "serve"]

_PAGES = Path(__file__).with_name("pages")

DEFAULT_BOOKS: Books = {
    "*": (
        {"name": "Ingrid Solheim", "emails": ["ingrid.solheim@post.example"]},
        {"name": "Mateo Rojas", "emails": ["mateo.rojas@correo.example", "mateo@rojas.example"]},
        {"name": "Priya Raman", "emails": ["priya.raman@mail.example"]},
        {"name": "", "emails": ["h.okafor@studio.example"]},
        {"name": "Northgate Harbour Club", "emails": ["no-reply@harbour.example"]},
        {"name": "Yuki Tanabe", "emails": ["yuki.tanabe@mail.example"], "folder": "Choir"},
        {"name": "Lena Vogt", "emails": ["lena.vogt@post.example"], "other": True},
    )
}


def default_clients(base_url: str) -> dict[str, "Client"]:
    """Return the two registrations that the demo uses: for each its redirect addresses, exactly; one for contacts, one to sign in."""
    return {
        door: Client(
            f"demo-{door}",
            f"secret-of-demo-{door}",
            (f"{base_url}/contacts/{door}/callback", f"{base_url}/signin/{door}/callback"),
        )
        for door in SCOPES
    }


def create_provider(books: Books, clients: Mapping[str, Client]) -> Flask:
    """Return the provider as an application. `app.extensions["providers"]` holds what it remembers, by door."""
    app = Flask(__name__, template_folder=str(_PAGES), static_folder=None)
    app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {"authorization_code": TOKEN_SECONDS}
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    books = {account.lower(): contacts for account, contacts in books.items()}
    key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(8), "use": "sig", "alg": "RS256"})
    providers = {door: Provider(door, books, clients[door], key) for door in SCOPES}
    app.extensions["providers"] = providers
    contacts: dict[str, People | Graph] = {
        "google": People(providers["google"]),
        "microsoft": Graph(providers["microsoft"]),
    }
    for door, provider in providers.items():
        bp = Blueprint(door, __name__, url_prefix=f"/{door}")
        Consent(provider, app).bind(bp)
        contacts[door].bind(bp)
        app.register_blueprint(bp)

    @app.before_request
    def loopback_only() -> None:
        # The name is looked at, too: a page elsewhere may have pointed its own name at this machine.
        if not is_loopback(request.remote_addr or "") or not is_loopback(urlsplit(f"//{request.host}").hostname or ""):
            abort(403)

    @app.get("/provider.css")
    def stylesheet() -> Response:
        return send_from_directory(_PAGES, "provider.css")

    @app.get("/livez")
    def livez() -> str:
        return "ok\n"

    @app.after_request
    def harden(response: Response) -> Response:
        # A browser holds the redirect that answers a form to the form's own rule.
        homes = {
            f"{parts.scheme}://{parts.netloc}"
            for each in clients.values()
            for parts in map(urlsplit, each.redirect_uris)
        }
        response.headers["Content-Security-Policy"] = (
            f"default-src 'none'; style-src 'self'; form-action 'self' {' '.join(sorted(homes))}; "
            "frame-ancestors 'none'; base-uri 'none'"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return app


def read_books(path: Path) -> Books:
    """Return the books that a JSON file holds; SettingError with one sentence for anything else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(account): [
                {**each, "name": str(each.get("name") or ""), "emails": [str(email) for email in each["emails"]]}
                for each in contacts
            ]
            for account, contacts in found.items()
        }
    except (OSError, ValueError, AttributeError, LookupError, TypeError) as error:
        raise SettingError(f"{path} holds no address books: {error}.") from None


def check(host: str, base_url: str) -> None:
    """Raise SettingError unless the provider would only be reachable from, and only used by, this machine."""
    if not is_loopback(host):
        raise SettingError(f"The demo provider is for this machine only and cannot listen on {host}.")
    if not is_loopback(urlsplit(base_url).hostname or ""):
        raise SettingError(
            f"The demo provider does not start beside a public instance, but KITH_BASE_URL is {base_url}."
        )


def serve(host: str, port: int, *, base_url: str, books: Books | Path | None = None) -> None:
    """Run the provider until it is told to stop. `base_url` is the application's, to which it sends people back."""
    check(host, base_url)
    found = read_books(books) if isinstance(books, Path) else books or DEFAULT_BOOKS
    make_server(host, port, create_provider(found, default_clients(base_url)), threaded=True).serve_forever()
