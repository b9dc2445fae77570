"""Every page, as each kind of viewer waits for it."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median, quantiles

from tests.bench.measuring import count, in_turns
from tests.bench.stage import DRAWN, PAGES, VIEWERS, Stage

CALLED = {
    "median": "in the middle",
    DRAWN: "drawn by connections, the slowest but 5 %",
    "hub": "the hub",
    "cap": "near the cap",
}


@dataclass(frozen=True)
class Shown:
    """A page: how many null routes it takes for whom, how many statements, and its bytes."""

    url: str
    takes: dict[str, float]
    statements: dict[str, int]
    bytes: int


def every(stage: Stage) -> Iterator[Shown]:
    """Show every page to everybody."""
    for url in PAGES:
        cases = {name: stage.shown(name, url) for name in (*VIEWERS, DRAWN)}
        null, *taken = in_turns([stage.null, *cases.values()], stage.rounds)
        unit = median(null)
        takes = {
            name: (quantiles(each, n=20)[-1] if name == DRAWN else median(each)) / unit
            for name, each in zip(cases, taken, strict=True)
        }
        statements = {name: count(cases[name]) for name in VIEWERS}
        yield Shown(url, takes, statements, _largest(stage, url))


def _largest(stage: Stage, url: str) -> int:
    """Return the bytes of the page as it is sent, packed, for whom it is largest."""
    asked = [(stage.browsers[name], stage.talks[name]) for name in VIEWERS] + stage.drawn[:10]
    return max(len(gzip.compress(browser.get(stage.address(url, talk)).data, 6)) for browser, talk in asked)
