"""Signals to stop: SIGTERM and SIGINT."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from queue import SimpleQueue


def on_stop(stop: Callable[[], object]) -> None:
    """Calls `stop` once, in a thread of its own, when the process is told to stop. For the main thread to call.

    A handler runs in between any two steps of the main thread. Were it to set an Event that this is about to wait for,
    or is setting for the signal before, it would wait for itself for ever.
    """
    told = SimpleQueue[None]()  # the one thing of its kind that a handler may put something into

    def wait() -> None:
        told.get()
        stop()

    threading.Thread(target=wait, name="signals", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.put(None))
