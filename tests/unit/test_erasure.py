"""An erasure goes from place to place, in parts that end in time and tell where the next begins."""

from __future__ import annotations

from typing import Any

import pytest

from coinslot.errors import BadCursor
from coinslot.match import Match, parse
from coinslot.removal.erasure import PART_S, START, Erasure, Progress
from coinslot.store import Found

ME = parse("user_id", "me")


class Steps:
    """A place of so many steps with a hit in each, every one of which takes a second."""

    def __init__(self, steps: int, clock: list[float]) -> None:
        self.left = steps
        self.removed: list[Any] = []
        self._steps = steps
        self._clock = clock

    def matching(self, match: Match, after: str) -> Found:
        self._clock[0] += 1
        step = int(after or 0) + 1
        return Found([step], 1, str(step) if step < self._steps else None)

    def remove(self, match: Match, hits: Any) -> int:
        self.removed += hits
        return len(hits)


def test_each_part_ends_in_time_and_the_next_goes_on_where_it_ended() -> None:
    clock = [0.0]
    places = [Steps(3, clock), Steps(1, clock), Steps(2, clock)]
    erasure = Erasure(places, lambda: clock[0])
    at, parts = START, []

    while True:
        part = erasure.erase(ME, at)
        parts.append(part.events)
        if part.next is None:
            break
        at = Progress.parse(str(part.next))

    assert parts == [PART_S] * 3
    assert [place.removed for place in places] == [[1, 2, 3], [1], [1, 2]]


def test_counting_removes_nothing() -> None:
    clock = [0.0]
    place = Steps(2, clock)

    part = Erasure([place], lambda: clock[0]).count(ME, START)

    assert part == (2, None)
    assert place.removed == []


@pytest.mark.parametrize("text", ["", "x", "1", "-1.", "10.", "1.$", "1.a b", "1.\n", "٣.1", "1.1.1"])
def test_progress_that_never_was_is_refused(text: str) -> None:
    with pytest.raises(BadCursor):
        Progress.parse(text)


@pytest.mark.parametrize("progress", [START, Progress(3, "1700000000000-0"), Progress(2, "WzEsImEiXQ")])
def test_progress_comes_back_as_it_went_out(progress: Progress) -> None:
    assert Progress.parse(str(progress)) == progress
