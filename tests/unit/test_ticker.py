"""What ticks while something takes its time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from worker.ticker import Ticker

TIMEOUT_S = 5.0


class Clockwork:
    """Ticks that are counted, and may be held up."""

    def __init__(self) -> None:
        self.ticks = 0
        self.ticked = threading.Semaphore(0)
        self.free = threading.Event()
        self.free.set()

    def __call__(self) -> None:
        self.ticked.release()
        self.free.wait(TIMEOUT_S)
        self.ticks += 1

    def await_tick(self) -> bool:
        return self.ticked.acquire(timeout=TIMEOUT_S)


@pytest.fixture
def clockwork() -> Clockwork:
    return Clockwork()


@pytest.fixture
def ticker(clockwork: Clockwork) -> Iterator[Ticker]:
    ticker = Ticker(clockwork, every_s=0.01)
    yield ticker
    ticker.stop()


def test_it_ticks_again_and_again_while_a_body_runs_and_in_the_next_one(clockwork: Clockwork, ticker: Ticker) -> None:
    for _ in range(2):
        with ticker.ticking():
            assert clockwork.await_tick()
            assert clockwork.await_tick()


def test_it_does_not_tick_between_bodies(clockwork: Clockwork, ticker: Ticker) -> None:
    with ticker.ticking():
        clockwork.await_tick()
    ticks = clockwork.ticks

    time.sleep(0.05)

    assert clockwork.ticks == ticks


def test_a_body_that_begins_after_a_long_pause_wakes_it(clockwork: Clockwork, ticker: Ticker) -> None:
    with ticker.ticking():
        clockwork.await_tick()
    time.sleep(0.05)

    with ticker.ticking():
        while clockwork.ticked.acquire(blocking=False):
            pass
        assert clockwork.await_tick()


def test_a_body_ends_only_when_a_tick_under_way_has(clockwork: Clockwork, ticker: Ticker) -> None:
    clockwork.free.clear()

    with ticker.ticking():
        clockwork.await_tick()
        threading.Timer(0.05, clockwork.free.set).start()

    assert clockwork.ticks == 1


def test_it_ends_with_a_body_that_fails(clockwork: Clockwork, ticker: Ticker) -> None:
    with pytest.raises(ValueError, match="broken"), ticker.ticking():
        raise ValueError("broken")

    time.sleep(0.03)

    assert clockwork.ticks == 0


def test_stopped_it_leaves_no_thread(clockwork: Clockwork, ticker: Ticker) -> None:
    before = set(threading.enumerate())

    with ticker.ticking():
        (made,) = [thread for thread in threading.enumerate() if thread not in before and thread.name == "ticker"]
    ticker.stop()

    made.join(10)
    assert not made.is_alive()
