"""An archive as its owner gets it: asked for, built by the worker, opened, read."""

import io
import json
import zipfile
from html.parser import HTMLParser

from webapp import config
from webapp.domain import archives
from webapp.extensions import db
from webapp.jobs import archives as building
from webapp.models.archive import Archive
from webapp.transaction import transaction


def asked(viewer):
    with transaction():
        archives.ask(viewer)
    return db.session.get_one(Archive, viewer.id)


def built(viewer):
    """Ask for an archive, let the worker build it, and open it."""
    asked(viewer)
    assert building.build_due()
    db.session.expire_all()
    return opened(viewer)


def opened(viewer):
    size, pieces = archives.pieces(viewer)
    raw = b"".join(pieces)
    assert len(raw) == size
    return zipfile.ZipFile(io.BytesIO(raw))


def said(archive, name):
    return json.loads(archive.read(f"kith/{name}.json"))


def files():
    return sorted((config.setting("INSTANCE") / "archives").iterdir())


def whole(archive):
    """Everything an archive says, each file as it is read by those it is for: vCards unfolded, JSON and pages unescaped."""
    found = []
    for name in archive.namelist():
        text = archive.read(name).decode("utf-8", "replace")
        if name.endswith(".html"):
            parser = HTMLParser(convert_charrefs=True)
            parser.handle_data = found.append
            parser.feed(text)
        else:
            found.append(
                json.dumps(json.loads(text), ensure_ascii=False)
                if name.endswith(".json")
                else text.replace("\r\n ", "")
            )
    return "\n".join(found)
