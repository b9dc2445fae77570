"""Many browsers at once, as members use Kith: of ten requests nine read and one writes. What is acknowledged is kept for the ledger."""

import random
import threading
import time
from collections import Counter

import requests

READS = (
    "/feed",
    "/network",
    "/connections",
    "/people?q=ma",
    "/people/{handle}",
    "/messages",
    "/messages/{talk}",
    "/notifications",
    "/invitations",
)
WRITES = 0.1


class Load:
    """What a house answered to browsers, and how long each answer took."""

    def __init__(self, house, name="load"):
        self.house, self.name = house, name
        self.answers, self.taken = Counter(), {"read": [], "write": []}
        self._lock = threading.Lock()

    @property
    def errors(self):
        """The answers that nobody should have got, and how many did."""
        return {status: number for status, number in self.answers.items() if status not in {200, 303}}

    def run(self, browsers, *, times=None, seconds=None, pause=0.0):
        """Let each of the browsers ask so many times, or for so many seconds; with a pause of about so long before each request."""
        end = None if seconds is None else time.monotonic() + seconds

        def use(number, browser):
            choose = random.Random(number)
            for each in range(times or 10**9):
                time.sleep(choose.uniform(0, 2 * pause))
                if end is not None and time.monotonic() > end:
                    return
                self.ask(browser, choose, f"{self.name}-{number}-{each}-")

        threads = [threading.Thread(target=use, args=given, daemon=True) for given in enumerate(browsers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self

    def ask(self, browser, choose, text):
        """Ask once, for a page or to have something kept."""
        verb = choose.choice((browser.send, browser.send, browser.share)) if choose.random() < WRITES else None
        page = choose.choice(READS).format(handle=browser.handle, talk=browser.talk)
        begun = time.perf_counter()
        try:
            status = verb(text) if verb else browser.get(page).status_code
        except requests.RequestException as error:
            status = type(error).__name__
        took = time.perf_counter() - begun
        with self._lock:
            self.answers[status] += 1
            self.taken["write" if verb else "read"].append(took)
            if verb and status == 303:
                self.house.acknowledged.append((verb.__name__, text))


def bring(browser, addresses):
    """Have a file with these addresses read, and look at what came of it; return the page and how long each of the two took."""
    lines = ["Name,Email", *(f"Person {number},{address}" for number, address in enumerate(addresses))]
    begun = time.perf_counter()
    answer = browser.post("/contacts/file", files={"file": ("contacts.csv", "\n".join(lines))})
    assert answer.headers.get("Location") == "/contacts/members", answer.text
    read = time.perf_counter()
    page = browser.get("/contacts/members")
    assert page.status_code == 200
    return page, (read - begun, time.perf_counter() - read)
