"""Small random communities with every kind of hiding, for comparing what the domain says with what plain sets say."""

from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from itertools import combinations

from hypothesis import strategies as st
from sqlalchemy import insert

from webapp import clock
from webapp.domain import relationships
from webapp.extensions import db
from webapp.models.dismissed import Dismissed
from webapp.models.member import Member
from webapp.models.relationship import Relationship

MOST = 12


@dataclass(frozen=True)
class Community:
    """Members 1 to `size`: who knows whom, who hides from what, who blocks or dismissed whom (the doer first)."""

    size: int
    known: frozenset[tuple[int, int]]
    unlisted: frozenset[int] = frozenset()
    suspended: frozenset[int] = frozenset()
    unsuggested: frozenset[int] = frozenset()
    askable: dict[int, str] = field(default_factory=dict)
    cohorts: dict[int, str] = field(default_factory=dict)
    organisations: dict[int, str] = field(default_factory=dict)
    fields: dict[int, str] = field(default_factory=dict)
    blocks: frozenset[tuple[int, int]] = frozenset()
    invited: frozenset[tuple[int, int]] = frozenset()
    dismissed: frozenset[tuple[int, int]] = frozenset()

    @property
    def ids(self):
        return range(1, self.size + 1)

    @cached_property
    def around(self):
        """Everybody's connections. A block leaves none."""
        found = {each: set() for each in self.ids}
        for one, other in self.known:
            if not self.blocked(one, other):
                found[one].add(other)
                found[other].add(one)
        return found

    def blocked(self, one, other):
        return (one, other) in self.blocks or (other, one) in self.blocks

    def seen(self, one, other):
        """Whether two exist for each other."""
        return not {one, other} & self.suspended and not self.blocked(one, other)

    def listed(self, one):
        return one not in self.suspended | self.unlisted

    def mutual(self, one, other):
        return {each for each in self.around[one] & self.around[other] if self.listed(each)}

    def chains(self, one, other):
        """Every way of the third degree between two, by who stands on it."""
        return {
            (near, far)
            for near in self.around[one]
            for far in self.around[near] & self.around[other]
            if self.listed(near) and self.listed(far) and not self.blocked(near, other) and not self.blocked(far, one)
        }

    def degree(self, one, other):
        if other in self.around[one]:
            return 1
        return 2 if self.mutual(one, other) else 3 if self.chains(one, other) else 0

    def near(self, one, other):
        """Whether `one` may ask somebody who wants to be asked by those near to them."""
        cohort = self.cohorts.get(one)
        return bool(self.mutual(one, other)) or (bool(cohort) and cohort == self.cohorts.get(other))

    def make(self):
        """Write the community into an empty database, without a commit: the next one rolls it back."""
        db.session.rollback()
        now = clock.now()
        db.session.execute(insert(Member), [self._member(each, now) for each in self.ids])
        pairs = {tuple(sorted(pair)) for pair in self.known | self.blocks | self.invited}
        rows = [self._pair(low, high, now) for low, high in sorted(pairs)]
        if rows:
            db.session.execute(insert(Relationship), rows)
        if self.dismissed:
            db.session.execute(
                insert(Dismissed), [{"member_id": one, "other_id": other, "at": now} for one, other in self.dismissed]
            )
        relationships.rebuild()
        return {each: db.session.get_one(Member, each) for each in self.ids}

    def _member(self, each, now):
        return {
            "id": each,
            "name": f"Member {each}",
            "handle": f"member-{each}",
            "name_key": f"member {each}",
            "sort_key": f"{each}",
            "password_hash": "",
            "created_at": now,
            "verified_at": now,
            "suspended_at": now if each in self.suspended else None,
            "unlisted": each in self.unlisted,
            "unsuggested": each in self.unsuggested,
            "askable": self.askable.get(each, "everyone"),
            "cohort": self.cohorts.get(each, ""),
            "organisation": self.organisations.get(each, ""),
            "field": self.fields.get(each, ""),
        }

    def _pair(self, low, high, now):
        by = next((one for one, _ in self.invited & {(low, high), (high, low)}), None)
        connected = (low, high) in self.known and not self.blocked(low, high)
        asked = by is not None and not connected and not self.blocked(low, high)
        return {
            "low_id": low,
            "high_id": high,
            "state": "connected" if connected else "pending" if asked else "none",
            "by_id": by if asked else None,
            "since": now - timedelta(hours=low * MOST + high),
            "expires_at": now + timedelta(days=9) if asked else None,
            "low_blocked_at": now if (low, high) in self.blocks else None,
            "high_blocked_at": now if (high, low) in self.blocks else None,
        }


@st.composite
def communities(draw):
    """Any community."""
    size = draw(st.integers(3, MOST))
    ids = st.integers(1, size)
    some = st.frozensets(ids, max_size=size // 2)
    pairs = st.tuples(ids, ids).filter(lambda pair: pair[0] != pair[1])
    few = st.frozensets(pairs, max_size=4)

    def of(*words):
        return draw(st.dictionaries(ids, st.sampled_from(words)))

    return Community(
        size=size,
        known=draw(st.frozensets(st.sampled_from(list(combinations(range(1, size + 1), 2))), max_size=3 * size)),
        unlisted=draw(some),
        suspended=draw(st.frozensets(ids, max_size=1)),
        unsuggested=draw(st.frozensets(ids, max_size=2)),
        askable=of("near", "nobody", "everyone"),
        cohorts=of("2014", "2015"),
        organisations=of("Shelf Institute", "Harbour"),
        fields=of("Research", "Law"),
        blocks=draw(few),
        invited=draw(few),
        dismissed=draw(few),
    )
