"""Sharding by member id, played through: `python -m tests.bench.sharding`. Kith does not shard: this checks what docs/scale.md says of it.

A graph as `kith seed` makes it is placed on shards and counted, formula beside count. Then members connect and part across shards, each an
SQLite file of its own, while processes die at every step and messages come twice and in the wrong order.
"""

import itertools
import random
import sqlite3
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import click

from webapp.demo import seed
from webapp.domain.suggestions import BRIDGE_DEGREE, BRIDGES

PLACEMENTS = 20
"""How many placements are drawn: the largest of a few shards is a matter of luck."""
SHOWN = 25
PAGES = 2_000
Pair = tuple[int, int]
Stamp = tuple[int, int]
"""What one side of a pair holds: the version and since when. An even version is a connection, an odd one a removal."""


def place(key: int | str, shards: int, salt: int = 0) -> int:
    """Return the shard of a member, or of the keyed hash of an address."""
    return int.from_bytes(blake2b(f"{salt}:{key}".encode(), digest_size=8).digest()) % shards


def touched(asked: float, shards: int) -> float:
    """Return how many shards so many keys lie on, on average: S(1-(1-1/S)^n)."""
    return shards * (1 - (1 - 1 / shards) ** asked)


@dataclass(frozen=True)
class Row:
    """A line of the table; `within` is how far the count may be from the formula, as a share of it."""

    what: str
    formula: float
    counted: float
    within: float
    unit: str = ""

    @property
    def holds(self) -> bool:
        return abs(self.counted - self.formula) <= self.within * abs(self.formula)

    def __str__(self) -> str:
        return (
            f"| {self.what} | {_said(self.formula)}{self.unit} | {_said(self.counted)}{self.unit} | {self.within:.0%} |"
        )


def _said(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 or number == int(number) else f"{number:.3g}"


# Counting


@dataclass
class Graph:
    """Who is connected with whom; a hub is who has more than `hub_degree`."""

    members: int
    pairs: list[Pair]
    hub_degree: int
    others: list[list[int]] = field(init=False)

    def __post_init__(self) -> None:
        self.others = [[] for _ in range(self.members)]
        for low, high in self.pairs:
            self.others[low].append(high)
            self.others[high].append(low)

    @property
    def degrees(self) -> list[int]:
        return [len(each) for each in self.others]

    @property
    def hubs(self) -> set[int]:
        return {member for member, degree in enumerate(self.degrees) if degree > self.hub_degree}


def graph(members: int, mean: int, lots: random.Random) -> Graph:
    """Make a graph of the power law and the communities that `kith seed` fills a database with."""
    pairs = list(seed._pairs(list(range(members)), members * mean // 2, lots))
    return Graph(members, pairs, 10 * mean)


def largest(values: Sequence[int], shards: int) -> float:
    """Return the expected largest shard : mean, where each value lies on a shard drawn for it.

    Sums are taken as normal, until a single value is more than luck: then the largest shard is the one on which that lies.
    """
    share = sum(values) / shards
    spread = (sum(each**2 for each in values) * (1 / shards) * (1 - 1 / shards)) ** 0.5
    highest = statistics.NormalDist().inv_cdf((shards - 0.375) / (shards + 0.25))  # Blom: of so many draws
    return 1 + max(highest * spread, max(values) * (1 - 1 / shards)) / share


def counts(net: Graph, shards: int, lots: random.Random) -> Iterator[Row]:
    """Count what lies where, and how many shards pages and presses ask."""
    degrees, hubs = net.degrees, net.hubs
    places = [[place(member, shards, salt) for member in range(net.members)] for salt in range(PLACEMENTS)]
    at = places[0]
    for words, values in (
        ("largest shard : mean, members", [1] * net.members),
        ("largest shard : mean, rows of `connection`", degrees),
        ("— without the rows of hubs", [0 if member in hubs else degree for member, degree in enumerate(degrees)]),
    ):
        found = statistics.fmean(_largest(values, each, shards) for each in places)
        yield Row(words, largest(values, shards), found, 0.1)

    across = sum(at[low] != at[high] for low, high in net.pairs) / len(net.pairs)
    yield Row("accepts that touch two shards: 1-1/S", 1 - 1 / shards, across, 0.03)

    share = sum(degrees[hub] for hub in hubs) / sum(degrees)
    weights = list(itertools.accumulate(degrees))
    anybody = [lots.choices(range(net.members), k=SHOWN + 1) for _ in range(PAGES)]
    sociable = [lots.choices(range(net.members), cum_weights=weights, k=SHOWN + 1) for _ in range(PAGES)]
    for words, pages, known in (
        ("of anybody", anybody, len(hubs) / net.members),
        ("the well-connected more often", sociable, share),
    ):
        yield Row(
            f"shards that a page of {SHOWN} badges asks, {words}: S(1-(1-1/S)^{SHOWN + 1})",
            touched(SHOWN + 1, shards),
            statistics.fmean(len({at[each] for each in page}) for page in pages),
            0.03,
        )
        left = shards * (1 - (1 - 1 / shards) * (1 - (1 - known) / shards) ** SHOWN)
        asked = [{at[page[0]]} | {at[each] for each in page[1:] if each not in hubs} for page in pages]
        yield Row("— where blobs of hubs are on every shard", left, statistics.fmean(len(each) for each in asked), 0.03)

    expected, each = _tail(net)
    yield Row(f"hubs: more than {net.hub_degree:,} connections", expected, len(hubs), 0.5)
    copied = sum(degrees[hub] for hub in hubs)
    for words, size, unit in (
        ("copies of their blobs, all shards together: hubs × mean × 4 B × (S-1)", 4 * (shards - 1) / 1e6, " MB"),
        ("— against all blobs once", (shards - 1) / sum(degrees), " ×"),
        ("copies written more for an accept: 2h(S-1), h their share of all ends", 2 * (shards - 1) / sum(degrees), ""),
    ):
        counted = copied * size
        if not unit:
            pressed = lots.choices(net.pairs, k=20_000)
            counted = statistics.fmean(((low in hubs) + (high in hubs)) * (shards - 1) for low, high in pressed)
        yield Row(words, expected * each * size, counted, 0.5, unit)

    by_degree = sorted(range(net.members), key=degrees.__getitem__)
    half = net.members // 2
    for words, viewers in (
        ("a member in the middle", by_degree[half - 50 : half + 50]),
        (f"a hub ({BRIDGES} bridges at most)", sorted(hubs)),
    ):
        asked = [
            [*[other for other in net.others[one] if degrees[other] <= BRIDGE_DEGREE][:BRIDGES], one]
            for one in lots.choices(viewers, k=300)
        ]
        yield Row(
            f"shards that suggestions ask, for {words}: S(1-(1-1/S)^(b+1))",
            statistics.fmean(touched(len(keys), shards) for keys in asked),
            statistics.fmean(len({at[key] for key in keys}) for keys in asked),
            0.04,
        )
    for number, times in ((10, 300), (100, 30), (25_000, 1)):
        found = statistics.fmean(
            len({place(f"{lots.getrandbits(256):064x}", shards) for _ in range(number)}) for _ in range(times)
        )
        yield Row(
            f"statements of an import of {number:,} addresses: S(1-(1-1/S)^N)", touched(number, shards), found, 0.03
        )


def _largest(values: Sequence[int], at: Sequence[int], shards: int) -> float:
    """Return the largest shard against the mean."""
    sums = [0] * shards
    for value, shard in zip(values, at, strict=True):
        sums[shard] += value
    return max(sums) * shards / sum(sums)


def _tail(net: Graph) -> tuple[float, float]:
    """Return how many hubs the power law leads one to expect, and how many connections each of them has.

    One end of a pair, and the other where it is not of the same community, are drawn by sociability: a Pareto variate, at least 1.
    """
    alpha = seed.EXPONENT - 1
    drawn = sum(net.degrees) / net.members * (2 - seed.WITHIN) / 2
    near = sum(net.degrees) / net.members - drawn
    sociable = drawn * (alpha - 1) / alpha  # connections for each unit of sociability
    least = (net.hub_degree - near) / sociable
    most = net.members ** (1 / alpha)  # nobody expected beyond
    beyond, few = least**-alpha, most**-alpha
    mass = alpha / (alpha - 1) * (least ** (1 - alpha) - most ** (1 - alpha)) / (beyond - few)
    return net.members * (beyond - few), near + sociable * mass


# Playing


@dataclass(frozen=True)
class Rules:
    """How the other side is written; each one off is a way that loses something."""

    outbox: bool = True
    """The message to the other shard is a row in the transaction of the press."""
    ordered: bool = True
    """A side is changed by a newer version only."""
    once: bool = True
    """Counters follow what changed, not what was delivered."""


class Crashed(Exception):
    """The process died here: its connections are gone, and with them what was not committed."""


SCHEMA = """
CREATE TABLE connection (member_id INTEGER, other_id INTEGER, version INTEGER NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY (member_id, other_id)) WITHOUT ROWID;
CREATE TABLE member (id INTEGER PRIMARY KEY, degree INTEGER NOT NULL);
CREATE TABLE outbox (id INTEGER PRIMARY KEY, member_id INTEGER, other_id INTEGER, version INTEGER, since INTEGER);
"""
STEPS = (
    "before a press commits",
    "after it, before it is acknowledged",
    "before the other side commits",
    "after it, before the message is deleted",
)


class Shards:
    """Databases in files, one a shard, and the processes that use them, which may die."""

    def __init__(self, folder: Path, number: int, rules: Rules, lots: random.Random) -> None:
        self.folder, self.number, self.rules, self.lots = folder, number, rules, lots
        self.crashes: Counter[str] = Counter()
        self.likely = 0.12
        self.opened: dict[int, sqlite3.Connection] = {}
        for shard in range(number):
            self.db(shard).executescript(SCHEMA)

    def at(self, member: int) -> int:
        return place(member, self.number)

    def db(self, shard: int) -> sqlite3.Connection:
        if shard not in self.opened:
            opened = sqlite3.connect(self.folder / f"{shard}.sqlite", isolation_level=None)
            opened.execute("PRAGMA journal_mode=TRUNCATE")
            opened.execute("PRAGMA synchronous=OFF")  # processes die here, not machines
            self.opened[shard] = opened
        return self.opened[shard]

    def close(self) -> None:
        for each in self.opened.values():
            each.close()
        self.opened.clear()

    def step(self, name: str) -> None:
        """Die here, now and then."""
        if self.lots.random() < self.likely:
            self.crashes[name] += 1
            self.close()
            raise Crashed

    def press(self, member: int, other: int, now: int, *, connect: bool) -> Stamp:
        """Connect or part two, on the shard of who presses; return what is acknowledged.

        Pressed again, it changes nothing. Of a connection and a removal that do not know of each other the removal is the higher version.
        """
        db = self.db(self.at(member))
        db.execute("BEGIN IMMEDIATE")
        version, since = self._held(db, member, other)
        if connect == (version % 2 == 0):
            db.execute("COMMIT")
            return version, since
        stamp = (version // 2 + 1) * 2 + (not connect), now
        self._write(db, member, other, stamp)
        near = self.at(member) == self.at(other)
        if near:
            self._write(db, other, member, stamp)
        elif self.rules.outbox:
            db.execute(
                "INSERT INTO outbox (member_id, other_id, version, since) VALUES (?, ?, ?, ?)", (other, member, *stamp)
            )
        self.step(STEPS[0])
        db.execute("COMMIT")
        self.step(STEPS[1])
        if not near and not self.rules.outbox:
            self._apply(other, member, stamp)
        return stamp

    def deliver(self, shard: int, *, again: bool = False) -> None:
        """Take any message of a shard, not the oldest, to where it belongs; `again`: another process took it, too."""
        anyone = "SELECT * FROM outbox ORDER BY (id * ?) % 10007 LIMIT 1"
        found = self.db(shard).execute(anyone, (self.lots.randrange(1, 10007),)).fetchone()
        if not found:
            return
        number, member, other, *stamp = found
        for _ in range(1 + again):
            self._apply(member, other, (stamp[0], stamp[1]))
        self.step(STEPS[3])
        self.db(shard).execute("DELETE FROM outbox WHERE id = ?", (number,))

    def _apply(self, member: int, other: int, stamp: Stamp) -> None:
        db = self.db(self.at(member))
        db.execute("BEGIN IMMEDIATE")
        held = self._held(db, member, other)
        if not self.rules.ordered or stamp > held or (stamp == held and not self.rules.once):
            self._write(db, member, other, stamp)
        self.step(STEPS[2])
        db.execute("COMMIT")

    def _held(self, db: sqlite3.Connection, member: int, other: int) -> Stamp:
        asked = "SELECT version, since FROM connection WHERE member_id = ? AND other_id = ?"
        return db.execute(asked, (member, other)).fetchone() or (1, 0)

    def _write(self, db: sqlite3.Connection, member: int, other: int, stamp: Stamp) -> None:
        was, will = self._held(db, member, other)[0] % 2 == 0, stamp[0] % 2 == 0
        change = will - was if self.rules.once else (1 if will else -1)
        db.execute(
            "INSERT INTO connection VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET version = excluded.version, since = excluded.since",
            (member, other, *stamp),
        )
        db.execute(
            "INSERT INTO member VALUES (?, ?) ON CONFLICT DO UPDATE SET degree = degree + excluded.degree",
            (member, change),
        )

    def waiting(self) -> list[int]:
        return [each for each in range(self.number) if self.db(each).execute("SELECT 1 FROM outbox LIMIT 1").fetchone()]

    def quiet(self) -> None:
        """Deliver everything; nobody dies any more."""
        self.likely = 0
        while waiting := self.waiting():
            for shard in waiting:
                self.deliver(shard)

    def sides(self) -> dict[Pair, Stamp]:
        return {
            (row[0], row[1]): (row[2], row[3])
            for shard in range(self.number)
            for row in self.db(shard).execute("SELECT * FROM connection")
        }

    def differing(self) -> list[Pair]:
        """Reconcile: return the pairs whose directions differ, as (one, other) where one's side is the newer."""
        sides = self.sides()
        return [pair for pair, stamp in sides.items() if stamp > sides.get(pair[::-1], (1, 0))]

    def miscounted(self) -> int:
        """Return how many members' counter is not their connections."""
        right = Counter(member for (member, _), (version, _) in self.sides().items() if version % 2 == 0)
        kept = {
            row[0]: row[1] for shard in range(self.number) for row in self.db(shard).execute("SELECT * FROM member")
        }
        return sum(right[member] != degree for member, degree in kept.items())

    def mend(self) -> None:
        """Send the newer side of every pair that differs once more."""
        sides = self.sides()
        for one, other in self.differing():
            self.db(self.at(one)).execute(
                "INSERT INTO outbox (member_id, other_id, version, since) VALUES (?, ?, ?, ?)",
                (other, one, *sides[one, other]),
            )


@dataclass
class Played:
    """What came of a game: presses, crashes by step, and what was found at its end."""

    presses: int = 0
    acknowledged: int = 0
    across: int = 0
    crashes: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    differing: int = 0
    miscounted: int = 0
    after_mending: int = 0


def play(pairs: Sequence[Pair], shards: int, presses: int, rules: Rules, luck: int) -> Played:
    """Let both of each pair connect and part as they like, while messages travel and processes die; then look at every pair."""
    lots = random.Random(f"{luck} play")
    played = Played()
    newest: dict[Pair, Stamp] = {}
    with tempfile.TemporaryDirectory(prefix="kith-shards-") as folder:
        world = Shards(Path(folder), shards, rules, lots)
        try:
            for now in range(1, presses + 1):
                pair = lots.choice(pairs)
                member, other = pair if lots.random() < 0.5 else pair[::-1]
                played.presses += 1
                played.across += world.at(member) != world.at(other)
                with suppress(Crashed):
                    stamp = world.press(member, other, now, connect=lots.random() < 0.6)
                    played.acknowledged += 1
                    newest[pair] = max(newest.get(pair, stamp), stamp)
                with suppress(
                    Crashed
                ):  # the processes that carry messages; slower than the presses, so that they overtake each other
                    world.deliver(lots.randrange(shards), again=lots.random() < 0.1)
            world.quiet()
            sides = world.sides()
            played.crashes = world.crashes
            played.lost = sum(
                min(sides.get(pair, (1, 0)), sides.get(pair[::-1], (1, 0))) < stamp for pair, stamp in newest.items()
            )
            played.differing, played.miscounted = len(world.differing()), world.miscounted()
            world.mend()
            world.quiet()
            played.after_mending = len(world.differing())
        finally:
            world.close()
    return played


GAMES: dict[str, Rules] = {
    "as designed": Rules(),
    "without an outbox: the other shard is written after the commit": Rules(outbox=False),
    "without versions: whatever comes last counts": Rules(ordered=False),
    "not idempotent: counters follow deliveries": Rules(once=False),
}


def games(net: Graph, shards: int, presses: int, luck: int) -> dict[str, Played]:
    """Play each set of rules with the same pairs, so few that presses meet."""
    pairs = random.Random(f"{luck} pairs").sample(net.pairs, max(1, presses // 20))
    return {name: play(pairs, shards, presses, rules, luck) for name, rules in GAMES.items()}


# On paper

MEASURED = {
    "SQLite": (260, 2_290),
    "PostgreSQL": (460, 4_970),
}
"""Bytes a pair (relationship, connection, adjacency), and a member (all else): `kith seed --members 5000`, as docs/scale.md tells."""
PAGE = 0.009
"""Seconds of a core for a page: about the mean of what a member opens in the same community, as docs/scale.md tells."""
MEAN, DAILY, EACH, PEAK, STATEMENTS, STATEMENT = 50, 0.1, 20, 3, 8, 0.0002
"""Assumed: connections a member, who comes in a day, for how many pages, the busiest hour : the mean. Counted: statements a page.
Measured on a prototype: the seconds of one."""
SIZES = (100_000, 1_000_000, 10_000_000, 100_000_000)


def paper() -> str:
    """Return the table of sizes, from the unit figures alone."""
    columns = [_on_paper(members) for members in SIZES]
    lines = [f"| members | {' | '.join(f'{each:,}' for each in SIZES)} |", f"|{' --- |' * (len(SIZES) + 1)}"]
    lines += [f"| {what} | {' | '.join(column[what] for column in columns)} |" for what in columns[0]]
    return "\n".join(lines)


def _on_paper(members: int) -> dict[str, str]:
    pairs = members * MEAN // 2
    peak = members * DAILY * EACH * PEAK / 86_400
    pairs_only = pairs * MEASURED["PostgreSQL"][0]
    sizes = {name: pairs * pair + members * each for name, (pair, each) in MEASURED.items()}
    return {
        "pairs of connections": f"{pairs / 1e6:,.1f} M",
        "rows of `connection`": f"{2 * pairs / 1e6:,.0f} M",
        **{f"{name}, all tables": f"{size / 1e9:,.1f} GB" for name, size in sizes.items()},
        "— of it pairs, on PostgreSQL": f"{pairs_only / 1e9:,.1f} GB",
        "— a shard of 16": f"{sizes['PostgreSQL'] / 16e9:,.1f} GB",
        "pages a second, at the peak": f"{peak:,.0f}",
        "cores for pages, with as many again": f"{2 * peak * PAGE:,.1f}",
        "statements a second": f"{peak * STATEMENTS:,.0f}",
        "cores for statements, with as many again": f"{2 * peak * STATEMENTS * STATEMENT:,.1f}",
    }


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--members", default=20_000, show_default=True, type=click.IntRange(min=1_000))
@click.option("--connections", default=50, show_default=True, help="How many each has on average.")
@click.option("--shards", default=16, show_default=True, type=click.IntRange(min=2))
@click.option("--presses", default=3_000, show_default=True, help="Connecting and parting, for each set of rules.")
@click.option("--seed", "luck", default=1, show_default=True, help="The same numbers for the same seed.")
@click.option("--paper", "only_paper", is_flag=True, help="Show the table of sizes instead.")
def sharding(members: int, connections: int, shards: int, presses: int, luck: int, *, only_paper: bool) -> None:
    """Count what sharding by member id would cost, and play it with processes that die. Ends with 1 where a count is not as the formula."""
    if only_paper:
        click.echo(paper())
        return
    lots = random.Random(luck)
    net = graph(members, connections, lots)
    click.echo(
        f"{members:,} members, {len(net.pairs):,} connections, {shards} shards with {2 * len(net.pairs) // shards:,} rows of `connection` on average\n"
    )
    click.echo("| | formula | counted | may differ by |\n| --- | --- | --- | --- |")
    rows = []
    for row in counts(net, shards, lots):
        rows.append(row)
        click.echo(str(row))
    click.echo(
        "\n| rules | presses | acknowledged | crashes | acknowledged and lost | pairs that differ | counters that are wrong | differ after mending |"
    )
    click.echo("| --- | --- | --- | --- | --- | --- | --- | --- |")
    played = games(net, shards, presses, luck)
    for name, each in played.items():
        click.echo(
            f"| {name} | {each.presses:,} | {each.acknowledged:,} | {each.crashes.total():,} | {each.lost} | {each.differing} | {each.miscounted} | {each.after_mending} |"
        )
    right = played["as designed"]
    click.echo(f"\nCrashes as designed: {', '.join(f'{right.crashes[step]} {step}' for step in STEPS)}.")
    wrong = [row.what for row in rows if not row.holds]
    if wrong or right.lost or right.differing or right.miscounted:
        click.echo(f"Not as designed: {'; '.join(wrong) or 'something was lost'}.", err=True)
        sys.exit(1)


if __name__ == "__main__":
    sharding()
