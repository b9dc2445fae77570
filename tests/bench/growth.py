"""How pages and the database grow with the community."""

from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from tests.bench import database
from tests.bench.measuring import in_turns
from tests.bench.stage import Stage

URLS = ("/network", "/feed", "/connections", "/people?q=ma", "/people/{stranger}", "/messages")


@dataclass(frozen=True)
class Size:
    """One community: how many, the bytes of its database, and the milliseconds of each page, of the member in the middle and of the hub."""

    members: int
    connections: int
    bytes: int
    pages: dict[str, float]
    of_hub: dict[str, float]
    degree: int
    """Of the hub."""


def measure(communities: database.Communities, engine: str, sizes: list[database.Sizes], rounds: int) -> list[Size]:
    """Show the same pages in all of the communities, in turns."""
    with ExitStack() as stack:
        stages, taken = [], []
        for each in sizes:
            app, cast = stack.enter_context(communities.open(engine, each))
            stages.append(Stage(app, cast, rounds))
            taken.append(database.bytes_on_disk(app))
        found: dict[str, list[dict[str, float]]] = {name: [{} for _ in sizes] for name in ("median", "hub")}
        for url in URLS:
            for name, pages in found.items():
                every = in_turns([stage.shown(name, url) for stage in stages], rounds)
                for page, seconds in zip(pages, every, strict=True):
                    page[url] = median(seconds) * 1000
    return [
        Size(each.members, each.connections, size, *both, stage.degrees["hub"])
        for each, size, stage, *both in zip(sizes, taken, stages, *found.values(), strict=True)
    ]
