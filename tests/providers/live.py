"""A demo provider that really listens, with switches for what may go wrong with a provider; and a person who clicks through it."""

import html.parser
import json
import socket
import threading
import time
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import requests
from flask import Response, jsonify, request
from joserfc import jwt
from werkzeug.serving import make_server

from webapp.demo.provider import create_provider, default_clients

BASE_URL = "http://127.0.0.1:8000"


@contextmanager
def listening(wsgi, ssl_context=None, host="127.0.0.1"):
    """Serve a WSGI application on a free port of loopback; gives the port."""
    server = make_server(host, 0, wsgi, threaded=True, ssl_context=ssl_context)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Faulty:
    """The demo provider with switches. `faults[path] = callable` answers instead of it; `then[path] = callable` changes its answer."""

    def __init__(self, books):
        self.app = create_provider(books, default_clients(BASE_URL))
        self.faults = {}
        self.then = {}
        self.seen = []
        self.forms = []
        self.app.before_request(self._before)
        self.app.after_request(self._after)

    def _before(self):
        self.seen.append((request.path, dict(request.headers)))
        self.forms.append((request.path, request.form.to_dict()))
        fault = self.faults.get(request.path)
        return fault() if fault is not None else None

    def _after(self, response):
        change = self.then.get(request.path)
        return change(response) if change is not None else response

    @property
    def providers(self):
        return self.app.extensions["providers"]

    @staticmethod
    def consent(url, account, **decided):
        """Decide as a person at the consent page would; see `consent`."""
        return consent(url, account, **decided)

    def asked(self, path):
        """How often a path was asked for."""
        return sum(1 for each, _headers in self.seen if each == path)

    def reset(self):
        """Forget what was asked, and what goes wrong."""
        self.faults.clear()
        self.then.clear()
        self.seen.clear()
        self.forms.clear()

    def forget_given(self):
        """Forget which codes and keys were given."""
        for each in self.providers.values():
            each.codes.clear()
            each.tokens.clear()

    def change_json(self, path, change):
        """Change the JSON that a path answers with: `change(found)` returns the new one."""

        def then(response):
            return jsonify(change(response.get_json())) if response.status_code == 200 else response

        self.then[path] = then

    def change_id_token(self, door, change):
        """Change the claims of the id token, and sign them anew with the provider's own key."""
        key = self.providers[door].key

        def changed(token):
            decoded = jwt.decode(token["id_token"], key)
            claims = change(dict(decoded.claims))
            return token | {"id_token": jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)}

        self.change_json(f"/{door}/token", changed)


class _Forms(html.parser.HTMLParser):
    """The forms of a page, with their fields."""

    def __init__(self, text):
        super().__init__()
        self.forms = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "form":
            self.forms.append([])
        elif tag in {"input", "button"} and "name" in found and self.forms:
            ticked = found.get("type") != "checkbox" or "checked" in found
            if tag == "input" and ticked:
                self.forms[-1].append((found["name"], found.get("value", "")))


def consent(url, account, *, untick=(), decision="allow"):
    """Sign in at the provider as `account`, decide, and return what it sends back to the callback."""
    with requests.Session() as browser:
        browser.trust_env = False
        page = browser.get(url, allow_redirects=False)
        assert page.status_code == 200, page.text
        page = browser.post(url, data={"account": account}, allow_redirects=False)
        assert page.status_code == 200, page.text
        (form, *_rest) = _Forms(page.text).forms
        fields = [(name, value) for name, value in form if value not in untick]
        answer = browser.post(url, data=[*fields, ("decision", decision)], allow_redirects=False)
        assert answer.status_code == 302, answer.text
        return query(answer.headers["Location"])


def query(url):
    """The parameters of an address, each once."""
    found = parse_qs(urlsplit(url).query, keep_blank_values=True)
    assert all(len(values) == 1 for values in found.values()), url
    return {name: values[0] for name, values in found.items()}


class _Listener:
    """A socket on loopback with a thread that accepts, until it is closed."""

    def __init__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.05)
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._open = True
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self):
        while self._open:
            try:
                connection, _address = self._socket.accept()
            except TimeoutError:
                continue
            with connection:
                self.serve(connection)

    def close(self):
        self._open = False
        self._thread.join()
        self._socket.close()


class Trap(_Listener):
    """A listener that no request may ever reach."""

    def __init__(self):
        self.connections = 0
        super().__init__()

    def serve(self, _connection):
        self.connections += 1

    def close(self):
        time.sleep(0.1)  # what was on its way has arrived
        super().close()


class Raw(_Listener):
    """A server that answers every connection with what it is told, as slowly as it is told; for what no framework would send."""

    def __init__(self, answer, pause=0.0, piece=65_536):
        self.answer = answer
        self.pause = pause
        self.piece = piece
        super().__init__()

    def serve(self, connection):
        connection.settimeout(2)
        try:
            connection.recv(65_536)
            for start in range(0, len(self.answer), self.piece):
                if not self._open:
                    break
                connection.sendall(self.answer[start : start + self.piece])
                time.sleep(self.pause)
        except OSError:
            pass


def answer(status, body=b"", **headers):
    """A fault: this answer instead of the provider's."""

    def fault():
        payload = body if isinstance(body, bytes | str) else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Response(payload, status, {"Content-Type": "application/json"} | named)

    return fault
