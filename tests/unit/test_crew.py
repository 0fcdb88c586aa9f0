"""A crew does all there is to do, several at a time, and stops at an error."""

from __future__ import annotations

import threading

import pytest

from coinslot.analytics.crew import HANDS, each


def test_each_thing_is_done_once() -> None:
    done: list[int] = []

    each(done.append, range(100))

    assert sorted(done) == list(range(100))


def test_several_are_done_at_a_time() -> None:
    together = threading.Barrier(HANDS)

    each(lambda _: together.wait(5), range(HANDS))

    assert not together.broken


def test_the_first_error_is_raised_and_nothing_begins_after_it() -> None:
    begun: list[int] = []

    def do(number: int) -> None:
        begun.append(number)
        if number == 3:
            raise ValueError("the third")

    with pytest.raises(ValueError, match="the third"):
        each(do, range(10_000))

    assert len(begun) < 10_000


def test_of_nothing_nothing_is_done() -> None:
    each(pytest.fail, [])
