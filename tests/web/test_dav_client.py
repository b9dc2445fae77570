"""A real program (vdirsyncer) with a real server: it finds the address book, reads it, and is refused when it writes."""

import os
import subprocess
import sys
import threading
from io import BytesIO
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from tests import dav, factories, ports
from webapp.domain import app_passwords, cards, profiles, relationships
from webapp.extensions import db
from webapp.models.member import AppPassword

EMAIL = "ana@friends.example"
PATIENCE = 60  # seconds, on a busy machine
CONFIG = """
[general]
status_path = "{folder}/status/"
[pair book]
a = "here"
b = "kith"
collections = ["from b"]
[storage here]
type = "filesystem"
path = "{folder}/book/"
fileext = ".vcf"
[storage kith]
type = "carddav"
url = "{url}/"
username = "{email}"
password = "{secret}"
"""


@pytest.fixture
def served(app, setting):
    """The application on a port of loopback, and what it was asked: method, path, body."""
    port = ports.free()
    asked = []

    def noting(environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        asked.append((environ["REQUEST_METHOD"], environ["PATH_INFO"], body.decode()))
        return app.wsgi_app(environ | {"wsgi.input": BytesIO(body)}, start_response)

    setting(BASE_URL=f"http://127.0.0.1:{port}")
    server = make_server("127.0.0.1", port, noting, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    server.asked = asked
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class Vdirsyncer:
    """The program, and the folder into which it reads."""

    def __init__(self, folder, url, secret):
        self.folder, self.book = folder, folder / "book" / "contacts"
        self.config = folder / "config"
        self.config.write_text(CONFIG.format(folder=folder, url=url, email=EMAIL, secret=secret))

    def run(self, *words):
        program = Path(sys.executable).with_name("vdirsyncer")
        return subprocess.run(
            [program, "-c", self.config, *words],
            env=os.environ | {"LC_ALL": "C.UTF-8", "HOME": str(self.folder)},
            input="y\n",
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def sync(self):
        done = self.run("sync")
        return done.returncode, done.stdout + done.stderr

    @property
    def files(self):
        return {path.name: path.read_text() for path in self.book.glob("*.vcf")}


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima", EMAIL)


@pytest.fixture
def vdirsyncer(ana, served, tmp_path):
    secret = app_passwords.make(ana, "Laptop")
    db.session.commit()
    return Vdirsyncer(tmp_path, f"http://127.0.0.1:{served.port}", secret)


def fetched(served):
    """The addresses of the cards that were asked for by name."""
    return [href for _method, _path, body in served.asked for href in dav.hrefs(body) if href.endswith(".vcf")]


def test_vdirsyncer_reads_the_book_and_can_change_nothing(context, ana, served, vdirsyncer):
    others = [factories.known(ana, name) for name in ("Ben Okafor", "Noor van Dijk", "Eve Moss")]
    ben, noor, eve = others
    for number, other in enumerate(others):
        profiles.add_detail(other, "phone", f"+35191234567{number}", audience="connections")
    cards.set_note(ana, noor, "Met in Porto")
    db.session.commit()

    found = vdirsyncer.run("discover")
    assert found.returncode == 0, found.stderr
    code, said = vdirsyncer.sync()
    assert code == 0, said
    assert len(vdirsyncer.files) == 3
    texts = " ".join(vdirsyncer.files.values())
    for word in ("Ben Okafor", "Noor van Dijk", "Eve Moss", "+351912345670", "NOTE:Met in Porto"):
        assert word in texts
    assert len(fetched(served)) == 3

    served.asked.clear()
    before = vdirsyncer.files
    assert vdirsyncer.sync()[0] == 0
    assert vdirsyncer.files == before
    assert fetched(served) == []

    db.session.rollback()
    [detail] = profiles.own_details(ben)
    profiles.change_detail(ben, detail.key, "+351 999 999 999", "", "connections")
    db.session.commit()
    assert vdirsyncer.sync()[0] == 0
    changed = {name for name, text in vdirsyncer.files.items() if text != before[name]}
    assert len(changed) == len(fetched(served)) == 1
    assert "+351 999 999 999" in vdirsyncer.files[changed.pop()]

    relationships.end(eve, ana)
    db.session.commit()
    assert vdirsyncer.sync()[0] == 0
    assert len(vdirsyncer.files) == 2
    assert "Eve Moss" not in " ".join(vdirsyncer.files.values())

    served.asked.clear()
    path = next(path for path in vdirsyncer.book.glob("*.vcf") if "Noor" in path.read_text())
    path.write_text(path.read_text().replace("FN:Noor van Dijk", "FN:Noor of the Dike"))
    code, said = vdirsyncer.sync()
    assert code != 0
    assert "403" in said
    assert [method for method, _path, _body in served.asked if method == "PUT"]
    db.session.rollback()
    phone = dav.Device(
        context.test_client(), ana, EMAIL, vdirsyncer.config.read_text().split('password = "')[1].split('"')[0]
    )
    phone.client.base_url = f"http://127.0.0.1:{served.port}"
    assert "FN:Noor van Dijk" in phone.said()
    assert noor.name == "Noor van Dijk"

    db.session.delete(db.session.query(AppPassword).one())
    db.session.commit()
    code, said = vdirsyncer.sync()
    assert code != 0
    assert "401" in said
