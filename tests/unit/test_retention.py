"""Retention asks every place, again while there is more, and is put off by none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from coinslot.errors import StoreUnavailable
from worker.retention import EVERY_S, Retention


def removes(calls: list[int], *counts: int) -> Callable[[int], int]:
    left = list(counts)

    def expire(days: int) -> int:
        calls.append(days)
        return left.pop(0) if left else 0

    return expire


def unavailable(days: int) -> int:
    raise StoreUnavailable()


def test_each_place_is_asked_until_it_removes_nothing_and_one_that_is_away_keeps_no_other_from_it() -> None:
    first: list[int] = []
    second: list[int] = []

    Retention(7, [removes(first, 5, 5), unavailable, removes(second)], lambda _: False).run_once()

    assert first == [7, 7, 7]
    assert second == [7]


def test_a_stop_is_heeded_while_there_is_more() -> None:
    calls: list[int] = []

    Retention(7, [removes(calls, *[5] * 100)], lambda _: True).run_once()

    assert calls == [7]


def test_it_is_done_at_the_start_and_every_minute_until_the_stop(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []
    pauses: list[float] = []

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) == 3

    Retention(0, [removes(calls)], pause)._run()

    assert calls == [0, 0, 0]
    assert pauses == [EVERY_S] * 3
