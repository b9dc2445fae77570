"""Find connections as a member walks it: a browser, a provider that listens, and the pages in between."""

import csv
import re
from contextlib import contextmanager
from html.parser import HTMLParser
from io import BytesIO, StringIO
from urllib.parse import urlsplit


class Page(HTMLParser):
    """A page as the tests look at it: its words, its boxes, its forms' buttons."""

    def __init__(self, response):
        super().__init__(convert_charrefs=True)
        self.response = response
        self.status = response.status_code
        self.html = response.text
        self.boxes, self.buttons, self.hidden, self.frames, self.links = {}, [], {}, [], []
        self._words = []
        self.feed(self.html)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "input" and found.get("name") == "tick":
            self.boxes[int(found["value"])] = "checked" in found
        elif tag == "input" and found.get("type") == "hidden":
            self.hidden[found["name"]] = found.get("value", "")
        elif tag == "button":
            self.buttons.append(found)
        elif tag == "iframe":
            self.frames.append(found)
        elif tag == "a":
            self.links.append(found.get("href"))

    def handle_data(self, data):
        self._words.append(data)

    @property
    def words(self):
        """What a reader sees, in one line."""
        return " ".join(" ".join(self._words).split())

    def button(self, value):
        """The button of a form that does something; None where there is none."""
        return next((button for button in self.buttons if button.get("value") == value), None)


class Wizard:
    """One browser in the wizard. `account` is whose address book is at the provider."""

    def __init__(self, browser, provider=None, account="ada@gmail.com"):
        self.browser = browser
        self.provider = provider
        self.account = account

    def get(self, path="", **more):
        return Page(self.browser.get(f"/contacts{path}", **more))

    def post(self, path="", data=None, **more):
        return Page(self.browser.post(f"/contacts{path}", data, **more))

    def part(self, path="", data=None):
        return Page(self.browser.part(f"/contacts{path}", data))

    def ask(self, **data):
        """Press Continue; return the provider's address."""
        answer = self.browser.post("/contacts", {"address": self.account, **data})
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]

    def come_back(self, answer, door="google"):
        """Bring the provider's answer to the callback."""
        return self.browser.get(f"/contacts/{door}/callback", query_string=answer)

    def consent(self, door=None, **decided):
        """Press Continue and consent; return the answer of the callback."""
        url = self.ask(**({"door": door} if door else {}))
        which = urlsplit(url).path.split("/")[1]
        return self.come_back(self.provider.consent(url, self.account, **decided), which)

    def read(self, door=None):
        """Consent and read the whole book as a browser without JavaScript does; return the members screen."""
        answer = self.consent(door)
        assert answer.headers["Location"] == "/contacts/reading", answer.text
        for _ in range(20):
            answer = self.browser.post("/contacts/reading", {"page": self.wanted()})
            if answer.headers["Location"] != "/contacts/reading":
                break
        return self.get("/members")

    def wanted(self):
        """The page that the progress page asks for."""
        return self.get("/reading").hidden["page"]

    def paste(self, *lines):
        """Paste addresses and go on; return the members screen."""
        answer = self.browser.post("/contacts/paste", {"text": "\n".join(lines), "go": "1"})
        assert answer.headers.get("Location") == "/contacts/members", answer.text
        return self.get("/members")

    def upload(self, data, name="contacts.csv"):
        """Choose a file and have it read; return the answer."""
        given = data.encode() if isinstance(data, str) else data
        return self.browser.post("/contacts/file", {"file": (BytesIO(given), name)}, content_type="multipart/form-data")

    def bring(self, data, name="contacts.csv"):
        """The same, for a file that leads to the members screen."""
        answer = self.upload(data, name)
        assert answer.headers.get("Location") == "/contacts/members", answer.text
        return self.get("/members")

    def report(self):
        """What became of each row, as the file tells it: the cells of each."""
        answer = self.browser.get("/contacts/report.csv")
        assert answer.mimetype == "text/csv"
        return list(csv.reader(StringIO(answer.text.removeprefix("\ufeff"))))

    def cookie(self, name="kith_import", path="/contacts"):
        found = self.browser.client.get_cookie(name, domain="127.0.0.1", path=path)
        return found and found.value


def sum_of(page):
    """The numbers of the line that adds up: what was read, and each of the others."""
    line = re.search(r'id="contacts-sum">(.*?)</p>', page.html, re.DOTALL)[1]
    read, rest = re.sub(r"<[^>]*>", "", line).split(":")
    return int(re.match(r"[\d,]+", read)[0].replace(",", "")), [
        int(number.replace(",", "")) for number in re.findall(r"(\d[\d,]*) ", rest)
    ]


@contextmanager
def slots(count):
    """Take so many of the places for reading, as other members' steps do."""
    from webapp.blueprints.contacts import reading

    for _ in range(count):
        assert reading._steps.acquire(blocking=False)
    try:
        yield
    finally:
        for _ in range(count):
            reading._steps.release()
