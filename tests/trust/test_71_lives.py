"""Sentence 71: random lives of four members against a small model of what the contract says."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests import factories
from tests.conftest import empty
from webapp import clock
from webapp.domain import relationships
from webapp.domain.errors import DomainError
from webapp.extensions import db
from webapp.models.member import Member
from webapp.transaction import transaction

who = st.integers(0, 3)


class Model:
    """What members see of each other, said as plainly as possible: one base state a pair, and a hold a side."""

    def __init__(self):
        self.base, self.held, self.blocks, self.cool, self.quiet = {}, set(), set(), set(), set()

    def blocked(self, a, b):
        return (a, b) in self.blocks or (b, a) in self.blocks

    def state(self, a, b):
        return self.base.get(frozenset((a, b)), ("none", None))

    def put(self, a, b, state, by=None):
        self.base[frozenset((a, b))] = (state, by)

    def asked(self, a, b):
        """Whether a can answer b."""
        state, by = self.state(a, b)
        return state in {"pending", "ignored"} and by == b and (a, b) not in self.held

    def connect(self, a, b):
        self.put(a, b, "connected")
        for pair in ((a, b), (b, a)):
            self.held.discard(pair)
            self.cool.discard(pair)
            self.quiet.discard(pair)

    def sees(self, a, b):
        state, by = self.state(a, b)
        if (a, b) in self.blocks:
            return "blocked"
        if (b, a) in self.blocks:
            return None
        if (a, b) in self.held:
            return "held"
        if state in {"pending", "ignored"}:
            return "invited" if by == a else {"pending": "received", "ignored": "ignored"}[state]
        if state == "withdrawn" and by == a and (a, b) in self.cool:
            return "withdrawn"
        return "removed" if state == "removed" and by == a else "connected" if state == "connected" else "none"


class Lives(RuleBasedStateMachine):
    app = None

    def __init__(self):
        super().__init__()
        self.context = self.app.app_context()
        self.context.push()
        db.session.rollback()
        empty()
        self.ids = [factories.member(f"Member {number}").id for number in range(4)]
        self.model = Model()

    def teardown(self):
        db.session.rollback()
        self.context.pop()
        clock.reset()

    def act(self, verb, a, b, several=True):
        """Do it; whether it was allowed."""
        try:
            with transaction():
                viewer = db.session.get_one(Member, self.ids[a])
                verb(viewer, [self.ids[b]] if several else self.ids[b])
        except DomainError:
            return False
        return True

    @rule(a=who, b=who)
    def invite(self, a, b):
        if a == b:
            return
        model, (state, by) = self.model, self.model.state(a, b)
        done = self.act(relationships.invite, a, b)
        free = not model.blocked(a, b) and not (state == "withdrawn" and by == a and (a, b) in model.cool)
        if model.asked(a, b) and not model.blocked(a, b):
            assert done
            model.connect(a, b)
        elif free and (a, b) not in model.cool:
            assert done
            if state != "connected" and not (state in {"pending", "ignored"} and by == a):
                model.held.add((a, b))

    @rule()
    def release(self):
        clock.move(seconds=61)
        with transaction():
            relationships.release(clock.now())
        for a, b in sorted(self.model.held):
            if (a, b) not in self.model.held:
                continue
            state, by = self.model.state(a, b)
            self.model.held.discard((a, b))
            if (b, a) in self.model.held or (state in {"pending", "ignored"} and by == b):
                self.model.connect(a, b)
            elif state != "connected":
                self.model.put(a, b, "ignored" if (a, b) in self.model.quiet else "pending", a)
                self.model.cool.discard((a, b))

    @rule(a=who, b=who)
    def undo(self, a, b):
        if a != b:
            self.act(lambda viewer, others: relationships.undo(viewer, others=others), a, b)
            self.model.held.discard((a, b))

    @rule(a=who, b=who)
    def accept(self, a, b):
        if a != b and not self.model.blocked(a, b):
            asked = self.model.asked(a, b)
            done = self.act(relationships.accept, a, b)
            if asked:
                assert done
                self.model.connect(a, b)

    @rule(a=who, b=who)
    def ignore(self, a, b):
        if a != b and not self.model.blocked(a, b):
            self.act(relationships.ignore, a, b)
            if self.model.asked(a, b):
                self.model.put(a, b, "ignored", b)

    @rule(a=who, b=who)
    def withdraw(self, a, b):
        if a == b or self.model.blocked(a, b):
            return
        self.act(relationships.withdraw, a, b)
        state, by = self.model.state(a, b)
        if (a, b) in self.model.held:
            self.model.held.discard((a, b))
        elif state in {"pending", "ignored"} and by == a:
            self.model.put(a, b, "withdrawn", a)
            self.model.cool.add((a, b))

    @rule(a=who, b=who)
    def remove(self, a, b):
        if a != b and self.model.state(a, b)[0] == "connected" and not self.model.blocked(a, b):
            assert self.act(relationships.end, a, b, several=False)
            self.model.put(a, b, "removed", a)
            self.model.quiet.add((b, a))
            self.model.quiet.discard((a, b))

    @rule(a=who, b=who)
    def block(self, a, b):
        if a == b or (a, b) in self.model.blocks:
            return
        self.act(relationships.block, a, b, several=False)
        state, by = self.model.state(a, b)
        self.model.held -= {(a, b), (b, a)}
        if state == "connected":
            self.model.put(a, b, "removed", a)
            self.model.quiet.add((b, a))
        elif state in {"pending", "ignored"}:
            self.model.put(a, b, *(("withdrawn", a) if by == a else ("none", None)))
            if by == a:
                self.model.cool.add((a, b))
        self.model.blocks.add((a, b))

    @rule(a=who, b=who)
    def unblock(self, a, b):
        if a != b and (a, b) in self.model.blocks:
            self.act(relationships.unblock, a, b, several=False)
            self.model.blocks.discard((a, b))

    @invariant()
    def everybody_sees_what_the_model_says(self):
        db.session.rollback()
        degrees = dict.fromkeys(range(4), 0)
        for a in range(4):
            seen = relationships.as_seen_by(db.session.get_one(Member, self.ids[a]))
            found = {row.other_id: row.status for row in db.session.execute(db.select(seen.c.other_id, seen.c.status))}
            for b in range(4):
                if a != b:
                    expected = self.model.sees(a, b)
                    got = found.get(self.ids[b], "none" if expected is not None else None)
                    assert got == expected, (a, b, got, expected)
                    degrees[a] += expected == "connected"
        members = [db.session.get_one(Member, member_id).degree for member_id in self.ids]
        assert members == list(degrees.values())
        assert relationships.problems() == []
        db.session.rollback()


def test_71_random_lives_agree_with_a_model(app):
    """Whatever members do to each other, in whatever order (invite, take back, accept, ignore, withdraw, remove, block, unblock, wait),
    each sees of the others what a small model says, and the counters are the rows.
    """
    machine = type("LivesHere", (Lives,), {"app": app})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25, stateful_step_count=30, deadline=None, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
