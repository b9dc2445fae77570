"""What docs/scale.md says of sharding: the counts are as the formulas, and of connections across shards nothing is lost, whoever dies."""

import random
from pathlib import Path

import pytest

from tests.bench import sharding

ROOT = Path(__file__).parents[2]
SHARDS = 8


@pytest.fixture(scope="module")
def net():
    return sharding.graph(2_000, 20, random.Random(1))


@pytest.fixture(scope="module")
def played(net):
    return sharding.games(net, SHARDS, 500, 1)


def test_what_is_counted_is_as_the_formula_says(net):
    rows = list(sharding.counts(net, SHARDS, random.Random(1)))
    assert len(rows) == 17
    assert [str(row) for row in rows if not row.holds] == []


def test_processes_that_die_at_every_step_lose_no_acknowledged_press(played):
    right = played["as designed"]
    assert set(right.crashes) == set(sharding.STEPS)
    assert 0 < right.acknowledged < right.presses
    assert (right.lost, right.differing, right.miscounted) == (0, 0, 0)
    assert abs(right.across / right.presses - (1 - 1 / SHARDS)) < 0.2


@pytest.mark.parametrize(
    ("without", "found"),
    [
        ("without an outbox: the other shard is written after the commit", "differing"),
        ("without versions: whatever comes last counts", "differing"),
        ("not idempotent: counters follow deliveries", "miscounted"),
    ],
    ids=["outbox", "versions", "idempotence"],
)
def test_each_rule_is_needed(played, without, found):
    assert getattr(played[without], found) > 0


def test_a_message_that_was_lost_is_sent_anew_by_the_reconciler(played):
    missing = played["without an outbox: the other shard is written after the commit"]
    assert missing.differing > missing.after_mending == 0


def test_the_table_of_sizes_in_the_docs_is_as_computed():
    assert sharding.paper() in (ROOT / "docs/scale.md").read_text(encoding="utf-8")
