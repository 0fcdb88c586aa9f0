"""Being told to stop, at whatever moment."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from coinslot.signals import on_stop

LIMIT_S = 10


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Are put back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_though_the_main_thread_holds_a_lock_that_this_takes(number: signal.Signals) -> None:
    lock, stopped = threading.Lock(), threading.Event()

    def stop() -> None:
        with lock:
            stopped.set()

    on_stop(stop)
    with lock:
        os.kill(os.getpid(), number)

    assert stopped.wait(LIMIT_S)


def test_it_stops_once_however_often_it_is_told() -> None:
    stops, first = [], threading.Event()
    on_stop(lambda: (stops.append(1), first.set()))

    for _ in range(100):
        os.kill(os.getpid(), signal.SIGTERM)

    assert first.wait(LIMIT_S)
    assert stops == [1]
