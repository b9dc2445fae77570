"""A device that asks over CardDAV, as far as the tests need one: its app password, and questions in XML."""

import base64
import re

from webapp.domain import app_passwords
from webapp.extensions import db

NAMESPACES = 'xmlns="DAV:" xmlns:CR="urn:ietf:params:xml:ns:carddav" xmlns:CS="http://calendarserver.org/ns/"'


def propfind(*names):
    return f"<propfind {NAMESPACES}><prop>{''.join(f'<{name}/>' for name in names)}</prop></propfind>"


def multiget(*hrefs):
    wanted = "<prop><getetag/><CR:address-data/></prop>"
    asked = "".join(f"<href>{href}</href>" for href in hrefs)
    return f"<CR:addressbook-multiget {NAMESPACES}>{wanted}{asked}</CR:addressbook-multiget>"


def sync(token=""):
    return (
        f"<sync-collection {NAMESPACES}><sync-token>{token}</sync-token><sync-level>1</sync-level>"
        "<prop><getetag/></prop></sync-collection>"
    )


def containing(text, name="FN"):
    return (
        f"<CR:addressbook-query {NAMESPACES}><prop><getetag/><CR:address-data/></prop>"
        f'<CR:filter><CR:prop-filter name="{name}"><CR:text-match>{text}</CR:text-match></CR:prop-filter></CR:filter>'
        "</CR:addressbook-query>"
    )


class Device:
    """A program with an app password of a member."""

    def __init__(self, client, owner, email, secret=None):
        if secret is None:
            secret = app_passwords.make(owner, "My phone")
            db.session.commit()
        self.client, self.secret = client, secret
        self.home, self.book = f"/dav/{owner.handle}/", f"/dav/{owner.handle}/contacts/"
        self.sent = {"Authorization": "Basic " + base64.b64encode(f"{email}:{secret}".encode()).decode()}

    def ask(self, method, path=None, body="", **headers):
        given = {"Content-Type": "application/xml; charset=utf-8", **self.sent, **headers}
        return self.client.open(self.book if path is None else path, method=method, data=body, headers=given)

    def tags(self):
        """The cards by their addresses, with their tags."""
        answer = self.ask("PROPFIND", None, propfind("getetag", "getcontenttype"), Depth="1")
        assert answer.status_code == 207, answer.text
        rows = re.findall(r"<D:href>([^<]+\.vcf)</D:href>.*?<D:getetag>([^<]+)</D:getetag>", answer.text, re.DOTALL)
        return dict(rows)

    def said(self):
        """What all cards say."""
        return self.ask("REPORT", None, multiget(*self.tags())).text.replace("\r", "").replace("\n ", "")


def hrefs(body):
    """The addresses that a question names, however the program writes its XML."""
    return re.findall(r"<(?:\w+:)?href>([^<]+)<", body)
