"""Something small that is done again and again, while something else takes its time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def ticking(tick: Callable[[], None], every_s: float) -> Iterator[None]:
    """Call `tick` in a thread of its own, every so many seconds while the body runs, and not afterwards.

    The end of the body waits for a tick under way, so a tick must end by itself.
    """
    done = threading.Event()

    def run() -> None:
        while not done.wait(every_s):
            tick()

    thread = threading.Thread(target=run, name="ticker", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
