"""Static files: one stamp of all their contents stands in the address, so that browsers may keep them for ever."""

import hashlib
from pathlib import Path
from typing import Any

from flask import Flask, current_app
from whitenoise import WhiteNoise

YEAR = 365 * 24 * 60 * 60


def stamp_of(folder: Path) -> str:
    """Return eight digits that change with any byte of any file in the folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(folder)}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def bind(app: Flask) -> None:
    """Serve the static folder under its stamp, and give templates `asset(name)`."""
    folder = Path(app.root_path) / "static"
    prefix = f"static/{stamp_of(folder)}/"
    app.wsgi_app = WhiteNoise(  # type: ignore[method-assign]
        app.wsgi_app,
        root=folder,
        prefix=prefix,
        max_age=YEAR,
        immutable_file_test=lambda _path, _url: True,
        add_headers_function=_headers,
        allow_all_origins=False,
        mimetypes={".webmanifest": "application/manifest+json", ".woff2": "font/woff2"},
    )
    app.config["ASSETS"] = prefix
    app.jinja_env.globals["asset"] = asset


def asset(name: str) -> str:
    """Return the address of a static file."""
    return f"/{current_app.config['ASSETS']}{name}"


def _headers(headers: Any, _path: str, _url: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Content-Security-Policy"] = "default-src 'none'; style-src 'self'; frame-ancestors 'none'"
    headers["Referrer-Policy"] = "same-origin"
