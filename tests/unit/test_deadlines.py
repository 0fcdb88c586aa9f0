"""Deadlines of connections: each is kept once, and one timer serves all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from coinslot.server import deadlines
from coinslot.server.deadlines import Deadlines


class Loop:
    """Time that passes when it is told to, in the place of an event loop."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay_s: float, call: Callable[..., None], *arguments: object) -> None:
        self.timers.append((self.now + delay_s, lambda: call(*arguments)))

    def pass_by(self, seconds: float) -> None:
        end = self.now + seconds
        while self.timers and min(self.timers)[0] <= end:
            self.now, call = self.timers.pop(0)
            call()
        self.now = end


class Connection:
    def __init__(self) -> None:
        self.expired = 0

    def expire(self) -> None:
        self.expired += 1


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def kept(loop: Loop) -> Deadlines:
    return Deadlines(lambda: loop)  # type: ignore[arg-type, return-value]


def test_who_is_late_is_told_once_within_a_second(loop: Loop, kept: Deadlines) -> None:
    late = Connection()
    kept.set(late, 5)

    loop.pass_by(4.9)
    before = late.expired
    loop.pass_by(1 + deadlines.SWEEP_EVERY_S)
    after = late.expired
    loop.pass_by(60)

    assert (before, after, late.expired) == (0, 1, 1)


def test_a_deadline_is_set_in_place_of_the_last(loop: Loop, kept: Deadlines) -> None:
    busy = Connection()

    for _ in range(10):
        kept.set(busy, 2)
        loop.pass_by(1.5)

    assert busy.expired == 0


def test_one_that_is_cleared_is_none(loop: Loop, kept: Deadlines) -> None:
    done, never = Connection(), Connection()
    kept.set(done, 2)

    kept.clear(done)
    kept.clear(never)
    loop.pass_by(10)

    assert (done.expired, never.expired) == (0, 0)


def test_one_timer_serves_all_and_none_is_left_when_nobody_waits(loop: Loop, kept: Deadlines) -> None:
    many = [Connection() for _ in range(100)]

    for each in many:
        kept.set(each, 3)
    timers = len(loop.timers)
    loop.pass_by(10)

    assert timers == 1
    assert [each.expired for each in many] == [1] * 100
    assert loop.timers == []


def test_when_all_have_gone_it_begins_anew(loop: Loop, kept: Deadlines) -> None:
    first, second = Connection(), Connection()
    kept.set(first, 1)
    loop.pass_by(10)

    kept.set(second, 1)
    loop.pass_by(10)

    assert (first.expired, second.expired) == (1, 1)


def test_one_that_sets_another_as_it_expires_is_told_again(loop: Loop, kept: Deadlines) -> None:
    class Stubborn(Connection):
        def expire(self) -> None:
            super().expire()
            if self.expired < 3:
                kept.set(self, 1)

    stubborn = Stubborn()
    kept.set(stubborn, 1)

    loop.pass_by(10)

    assert stubborn.expired == 3


def test_a_fault_in_one_does_not_end_the_sweeping(loop: Loop, kept: Deadlines) -> None:
    class Broken(Connection):
        def expire(self) -> None:
            raise ZeroDivisionError

    late = Connection()
    kept.set(Broken(), 1)
    kept.set(late, 3)

    with pytest.raises(ZeroDivisionError):  # to the event loop, which logs it
        loop.pass_by(10)
    loop.pass_by(10)

    assert late.expired == 1


def test_on_an_event_loop_too() -> None:
    class Late:
        def __init__(self) -> None:
            self.expired = asyncio.Event()

        def expire(self) -> None:
            self.expired.set()

    async def until_expired() -> None:
        late = Late()
        Deadlines().set(late, 0.1)
        await asyncio.wait_for(late.expired.wait(), 10)

    asyncio.run(until_expired())
