"""Turns: so many at once, first come first served, and nothing that hangs keeps the others out."""

import threading
import time

import pytest

from webapp import turns


def waiting_in(found, number):
    """Return once so many have a place."""
    end = time.monotonic() + 10
    while len(found.places) < number and time.monotonic() < end:
        time.sleep(0.001)
    assert len(found.places) == number


@pytest.fixture
def two():
    return turns.Turns(2)


@pytest.fixture
def come(two):
    """`come(name)`: somebody takes a place in a thread and keeps it until told to go; `come.began` says who has had a turn."""

    class Come:
        began, told, threads = [], {}, []

        def __call__(self, name, seconds=10):
            self.told[name] = threading.Event()
            before = len(two.places)
            thread = threading.Thread(target=self.take, args=(name, seconds))
            thread.start()
            self.threads.append(thread)
            waiting_in(two, before + 1)

        def take(self, name, seconds):
            with two.place(seconds):
                self.began.append(name)
                self.told[name].wait(10)

        def go(self, name, then):
            """Tell this one to go; the names of those who have had a turn, once there are so many."""
            self.told[name].set()
            return self.have_begun(then)

        def have_begun(self, number):
            end = time.monotonic() + 10
            while len(self.began) < number and time.monotonic() < end:
                time.sleep(0.001)
            return self.began[:]

    come = Come()
    yield come
    for each in come.told.values():
        each.set()
    for each in come.threads:
        each.join()
    assert not two.places


def test_so_many_at_once_and_then_who_came_first(come):
    for name in "abcde":
        come(name)
    assert sorted(come.have_begun(2)) == ["a", "b"]
    time.sleep(0.02)
    assert len(come.began) == 2
    assert come.go("b", 3)[2:] == ["c"]
    assert come.go("a", 4)[3:] == ["d"]
    assert come.go("d", 5)[4:] == ["e"]


def test_who_waited_in_vain_goes_all_the_same_and_takes_nobodys_turn(come):
    for name in "ab":
        come(name)
    come("impatient", 0.01)
    come("last")
    assert sorted(come.have_begun(3)) == ["a", "b", "impatient"]
    assert len(come.go("impatient", 3)) == 3
    waiting_in_vain = come.began[:]
    assert come.go("a", 4) == [*waiting_in_vain, "last"]


def test_who_gives_up_the_turn_lets_one_go(two, come):
    with two.place(1) as first, two.place(1):
        come("a")
        come("b")
        first.leave()
        first.leave()
        assert come.have_begun(1) == ["a"]
        time.sleep(0.02)
        assert come.began == ["a"]


def test_a_turn_that_lasts_too_long_keeps_only_itself_busy(come, two):
    two.longest = 0.02
    for name in "abcde":
        come(name)
    assert sorted(come.have_begun(5)) == [*"abcde"]


def test_what_raises_leaves_no_place_taken(two):
    with pytest.raises(LookupError), two.place(1):
        raise LookupError
    assert not two.places
    turns.give_up()  # where nobody has a turn, nothing happens
