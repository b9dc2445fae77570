"""Static files: one stamp of all their contents stands in the address, so that browsers may keep them for ever."""

import gzip
import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from flask import Flask, current_app
from markupsafe import Markup

from webapp import colours
from webapp.web.headers import HTTPS_ONLY

FOREVER = "public, max-age=31536000, immutable"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
}
PACKED_ALREADY = {".png", ".woff2"}


class File(NamedTuple):
    """One static file as it is sent."""

    kind: str
    plain: bytes
    packed: bytes | None


def stamp_of(folder: Path, own: Mapping[str, bytes] | None = None) -> str:
    """Return eight digits that change with any byte of any file in the folder, and of those that this instance has of its own."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(folder)}\0".encode())
            digest.update(path.read_bytes())
    for name, plain in sorted((own or {}).items()):
        digest.update(f"{name}\0".encode())
        digest.update(plain)
    return digest.hexdigest()[:8]


def bind(app: Flask) -> None:
    """Serve the static folder under its stamp, and give templates `asset(name)`."""
    folder = Path(app.root_path) / "static"
    found = {path.relative_to(folder).as_posix(): read(path) for path in folder.rglob("*") if path.is_file()}
    own = _own(folder, app.config["KITH"])
    prefix = f"/static/{stamp_of(folder, own)}/"
    found |= {name: packed(Path(name).suffix, plain) for name, plain in own.items()}
    app.config["ASSETS"] = {name: f"{prefix}{name}" for name in found}
    files = {f"{prefix}{name}": file for name, file in found.items()}
    app.wsgi_app = Static(app.wsgi_app, files, https=app.config["SESSION_COOKIE_SECURE"])  # type: ignore[method-assign]
    app.jinja_env.globals["asset"] = asset


def _own(folder: Path, settings: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the files that this instance has in place of those of the folder, or beside them: its accent and its logo."""
    from webapp.web import branding

    made: dict[str, bytes] = {}
    if colours.is_own(settings["ACCENT"]):
        for name, change in (("kith.css", branding.styles), ("icon.svg", branding.symbol)):
            made[name] = change((folder / name).read_text(encoding="utf-8"), settings["ACCENT"]).encode()
    if settings["LOGO"]:
        made |= branding.logo(settings["INSTANCE"] / settings["LOGO"])
    return made


def asset(name: str) -> str:
    """Return the address of a static file. Raises `KeyError` where there is none, so that no page can link to nothing."""
    return str(current_app.config["ASSETS"][name])


def icon(name: str) -> Markup:
    """Return a symbol of icons.svg. It is decoration: what it means has to be said in words, too."""
    drawn = f'<svg class="i" aria-hidden="true"><use href="{asset("icons.svg")}#{name}"/></svg>'
    return Markup(drawn)  # noqa: S704 - nobody but us names symbols


def read(path: Path) -> File:
    """Return a file with its packed form, where packing makes it smaller."""
    return packed(path.suffix, path.read_bytes())


def packed(suffix: str, plain: bytes) -> File:
    """Return such bytes as they are sent."""
    small = None if suffix in PACKED_ALREADY else gzip.compress(plain, mtime=0)
    return File(TYPES[suffix], plain, small if small and len(small) < len(plain) else None)


class Static:
    """Answers for the files before the application is asked. They are few and small, so they stay in memory, packed once.

    Packing is safe here and only here: these bytes hold nothing of anybody. Pages are left to a proxy.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], files: dict[str, File], *, https: bool = False) -> None:
        self.app = app
        self.files = files
        self.more = [HTTPS_ONLY] if https else []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        file = self.files.get(environ.get("PATH_INFO", ""))
        if file is None or environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return self.app(environ, start_response)
        pack = file.packed is not None and "gzip" in environ.get("HTTP_ACCEPT_ENCODING", "")
        body = file.packed if pack and file.packed else file.plain
        headers = [
            ("Content-Type", file.kind),
            ("Content-Length", str(len(body))),
            ("Cache-Control", FOREVER),
            ("Vary", "Accept-Encoding"),
            ("X-Content-Type-Options", "nosniff"),
            (
                "Content-Security-Policy",
                "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'",
            ),
            ("Referrer-Policy", "same-origin"),
            *self.more,
        ]
        if pack:
            headers.append(("Content-Encoding", "gzip"))
        start_response("200 OK", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
