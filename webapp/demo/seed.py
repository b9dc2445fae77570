"""A database for measuring: many members with a few well-connected ones among them, in communities, who write to each other.

The same for the same seed.
"""

import itertools
import random
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from webapp import clock, passwords
from webapp.config import SettingError
from webapp.demo import bulk
from webapp.demo.people import ASIDES, FAMILY, GIVEN, PLACES, WORK
from webapp.extensions import db
from webapp.keeping.ground import Progress, silent
from webapp.models.member import Member
from webapp.transaction import transaction

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
COMMUNITY = 250
POSTED = timedelta(days=85)
"""Over how long the posts are spread; they are as old as the day on which they are made, or no feed would show them."""
POSTS = (
    "Does anybody know a good printer for a small run?",
    "We finished the survey. Four years, ten sites, and not one of them was where the map said.",
    "Looking for somebody who has moved an archive and would do it again.",
    "The slides of Tuesday are online. Write to me for the recording.",
)
WITHIN = 0.6
"""The share of connections inside the own community."""
TALKS = 0.5
"""How many conversations there are for each member."""
READ = 0.8
TEXTS = (
    "Are you coming to the reunion in June?",
    "Yes, if the trains run. Shall we share a room?",
    "Thank you, that is very kind.",
    "I found the photographs of our last year. Do you want them?",
    "Could you put me in touch with the people who run the archive?",
    "See you on Thursday at six, at the harbour.",
    "Congratulations on the new post. You earned it.",
    "My number has changed; it is on my profile now.",
)
EXPONENT = 2.2
"""Of the power law of how sociable members are; smaller: more extreme."""
MOST = 20_000
"""Nobody is given many more connections than this: the law knows no limit, Kith does (CONNECTIONS_MAX)."""


def fill(members: int, mean: int, seed: int, password: str, hub: int = 0, progress: Progress = silent) -> str:
    """Fill an empty database; say how far it is, and return a sentence about what was made.

    With a `hub`, member number 1 has exactly so many connections.

    Raises SettingError where there are members already, or too few for the hub.
    """
    if hub >= members:
        raise SettingError(f"A member with {hub:,} connections needs more than {members:,} members.")
    if db.session.scalar(select(func.count()).select_from(Member)):
        raise SettingError(
            "There are members in this database already; seed an empty one (set KITH_INSTANCE to a new folder)."
        )
    begun = time.monotonic()
    hashed = passwords.hash_password(password)
    choose = random.Random(seed)  # noqa: S311 - a sample, not a secret
    people = [_person(number, choose) for number in range(1, members + 1)]
    with transaction():
        ids = bulk.members(people, hashed, BEGIN, lambda done: progress("members", done, members), choose.choice)
        wanted = members * mean // 2 + hub
        talking: list[tuple[int, int]] = []
        lots = random.Random(f"{seed} talks")  # noqa: S311 - a sample; of its own, so that members and connections stay as they were
        made = bulk.connections(
            _overheard(_pairs(ids, wanted, choose, hub), talking, lots, members * TALKS / max(1, wanted)),
            lambda pair: BEGIN + timedelta(minutes=(pair[0] * 7919 + pair[1]) % 1_000_000),
            lambda done: progress("connections", done, wanted),
        )
        bulk.conversations([_talk(pair, lots) for pair in talking], BEGIN + timedelta(days=800))
        bulk.posts(choose.choices(ids, k=members * 3 // 2), POSTS, clock.now() - POSTED, clock.now())
    return (
        f"{members} members, {made} connections, {len(talking)} conversations in {time.monotonic() - begun:.0f} seconds. "
        f"member-1@seed.example, password: {password}"
    )


def _person(number: int, choose: random.Random) -> bulk.Newcomer:
    field = choose.choice(list(WORK))
    titles, organisations = WORK[field]
    title, organisation = choose.choice(titles), choose.choice(organisations)
    name = f"{choose.choice(GIVEN)} {choose.choice(FAMILY)}".replace("~", " ")
    headline = ", ".join(part for part in (f"{title} at {organisation}", choose.choice(ASIDES)) if part)
    return bulk.Newcomer(
        name,
        f"member-{number}@seed.example",
        headline,
        organisation,
        title,
        field,
        choose.choice(PLACES),
        str(choose.randint(1988, 2024)),
    )


def _overheard(
    pairs: Iterable[tuple[int, int]], kept: list[tuple[int, int]], choose: random.Random, share: float
) -> Iterator[tuple[int, int]]:
    """Pass pairs on, and keep a share of them."""
    for pair in pairs:
        if choose.random() < share:
            kept.append(pair)
        yield pair


def _talk(pair: tuple[int, int], choose: random.Random) -> bulk.Talk:
    """Return a conversation of two: four texts, begun by either; its key is no secret here."""
    key = f"{choose.getrandbits(96):024x}"
    order = pair if choose.random() < 0.5 else pair[::-1]  # noqa: PLR2004 - either
    return bulk.Talk(key, (order[0], order[1]), choose.sample(TEXTS, 4), choose.random() < READ)


def _pairs(ids: list[int], wanted: int, choose: random.Random, hub: int = 0) -> Iterator[tuple[int, int]]:
    """Yield different pairs: one end by sociability, the other in the same community or by sociability, too.

    In the order of their ids: rows that come as their index has them are written several times as fast.
    """
    number = len(ids)
    most = number * (number - 1) // 2
    enough = min(wanted, most * 3 // 4)
    total = list(itertools.accumulate(_sociable([choose.paretovariate(EXPONENT - 1) for _ in ids], 2 * enough)))
    seen = set(choose.sample(range(1, number), hub))
    while len(seen) < enough:
        size = 20_000
        ends = choose.choices(range(number), cum_weights=total, k=2 * size)
        for one, far in zip(ends[:size], ends[size:], strict=True):
            other = far
            if choose.random() < WITHIN:
                start = one // COMMUNITY * COMMUNITY
                other = start + int(choose.random() * min(COMMUNITY, number - start))
            low, high = (one, other) if one < other else (other, one)
            if low != high and (low or not hub) and len(seen) < enough:
                seen.add(low * number + high)
    for pair in sorted(seen):
        yield ids[pair // number], ids[pair % number]


def _sociable(weights: list[float], ends: int) -> list[float]:
    """Return how sociable members are, so that of so many ends of connections nobody is drawn for more than MOST."""
    total, most = sum(weights), max(weights)
    while ends * most > MOST * total * 1.001:  # what is taken from the largest makes the others' share larger
        most = MOST * total / ends
        weights = [min(each, most) for each in weights]
        total = sum(weights)
    return weights
