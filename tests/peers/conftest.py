"""Another team's certified OpenID provider, started once for these tests.

Where the npm registry cannot be reached, the packages come from npm's own cache; where that has none, this cannot run.
"""

import json
import os
import subprocess
from pathlib import Path
from subprocess import CalledProcessError

import pytest
import requests

from tests.peers.packages import installed
from tests.providers.fixtures import BOOKS, trap
from tests.providers.live import BASE_URL, query
from tests.requires import cannot_run, require
from webapp.demo.provider import default_clients
from webapp.demo.provider.memory import CONTACTS, GRAPH

__all__ = ["packages", "peer", "trap"]

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def packages():
    """The folder with the pinned packages, installed once a lock file."""
    require("node")
    try:
        return installed()
    except CalledProcessError as error:
        cannot_run(f"the certified OpenID provider from npm ({error.stderr.strip().splitlines()[-1][:200]})")


class Peer:
    """The running server, as the suite wants it."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"
        self.providers = {door: _Registered(client) for door, client in default_clients(BASE_URL).items()}

    def contacts(self, door):
        return CONTACTS if door == "google" else GRAPH

    def go_wrong(self, faults):
        """From now on answer so at these paths (see provider.js), and count anew what is asked."""
        requests.post(f"{self.url}/faults", json=faults, timeout=10).raise_for_status()

    def asked(self, path):
        """How often a path was asked for since then."""
        return requests.get(f"{self.url}/seen", timeout=10).json().count(path)

    def consent(self, url, account, *, untick=(), decision="allow"):
        """Sign in and decide, in a browser that keeps cookies and follows redirects, up to our own callback."""
        with requests.Session() as browser:
            browser.trust_env = False
            answer = browser.get(url, allow_redirects=False, timeout=10)
            decided = False
            while "location" in answer.headers:
                there = requests.compat.urljoin(answer.url, answer.headers["location"])
                if there.startswith(f"{BASE_URL}/"):
                    return query(there)
                answer = browser.get(there, allow_redirects=False, timeout=10)
                if "/interaction/" in there:
                    assert answer.status_code == 200, answer.text
                    assert not decided, "asked twice"
                    offered = set(answer.json()["scopes"])
                    fields = [("account", account), ("decision", decision)]
                    fields += [("untick", each) for each in untick if each in offered]
                    answer = browser.post(there, data=fields, allow_redirects=False, timeout=10)
                    decided = True
            raise AssertionError(f"{answer.status_code}: {answer.text[:500]}")


class _Registered:
    def __init__(self, client):
        self.client = client


@pytest.fixture(scope="session")
def peer(packages, tmp_path_factory):
    """The server, listening."""
    folder = tmp_path_factory.mktemp("peer")
    (folder / "books.json").write_text(json.dumps(BOOKS))
    clients = {
        door: {
            "client_id": each.client_id,
            "client_secret": each.client_secret,
            "redirect_uris": list(each.redirect_uris),
        }
        for door, each in default_clients(BASE_URL).items()
    }
    (folder / "clients.json").write_text(json.dumps(clients))
    command = ["node", "provider.js", str(folder / "books.json"), str(folder / "clients.json")]
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with (folder / "errors.txt").open("w+") as errors:
        process = subprocess.Popen(
            command,
            cwd=packages,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
        )
        try:
            for line in process.stdout:
                if line.startswith("ready "):
                    break
            else:
                errors.seek(0)
                pytest.fail(f"the server did not start: {errors.read()[-2000:]}")
            yield Peer(int(line.split()[1]))
        finally:
            process.stdin.close()  # it ends with its input, also when the tests are killed
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
