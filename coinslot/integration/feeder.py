"""Feeds one gRPC target with events: a bounded queue, and a thread that passes them on to the sender's process."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic

from coinslot.integration.pipe import Pipe
from coinslot.integration.source import Event

QUEUE_MAX_EVENTS = 10_000
BATCH_MAX_EVENTS = 500
TICK_S = 0.2
REPORT_EVERY_S = 10.0
RESTART_PAUSE_S, RESTART_MAX_PAUSE_S = 1.0, 10.0

Report = Callable[[int, int], None]  # sent, dropped: since the last report

log = logging.getLogger("coinslot.grpc")


class Feeder:
    """Each event that is put is either sent or dropped, and counted once.

    Dropped is what comes while the queue is full, what a sender had when it ended (of which it may have sent some, in
    the half second since it last told), and what is left at the end. Beside QUEUE_MAX_EVENTS in the queue, about
    3 * BATCH_MAX_EVENTS are on their way through pipe and sender.
    """

    def __init__(self, name: str, start: Callable[[], Pipe], report: Report) -> None:
        self._name = name
        self._start = start
        self._report = report
        self._changed = threading.Condition()
        self._events: deque[Event] = deque()
        self._overflowed = 0
        self._close_by: float | None = None
        self._sent, self._lost, self._reported_at = 0, 0, monotonic()
        self._thread = threading.Thread(target=self._run, name=f"grpc {name}", daemon=True)
        self._thread.start()

    def put(self, events: Sequence[Event]) -> None:
        """Never waits for the target, never raises."""
        with self._changed:
            room = QUEUE_MAX_EVENTS - len(self._events)
            self._events.extend(events[:room])
            self._overflowed += max(0, len(events) - room)
            self._changed.notify()

    def close(self, by: float) -> None:
        """Send what there is, until `by` (monotonic), and end. Returns at once; `join` waits."""
        with self._changed:
            self._close_by = by
            self._changed.notify()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        self._feed_one_sender()
        pause_s = RESTART_PAUSE_S
        while self._close_by is None:
            log.warning("gRPC target %s: its sender ended, and is started again in %.0f s", self._name, pause_s)
            self._pause(pause_s)
            pause_s = min(2 * pause_s, RESTART_MAX_PAUSE_S)
            self._feed_one_sender()
        self._lost += len(self._events)
        self._tell()

    def _feed_one_sender(self) -> None:
        """From its start to its end."""
        try:
            pipe = self._start()
        except OSError as error:
            log.warning("gRPC target %s: no process for its sender: %s", self._name, error)
            return
        with suppress(BrokenPipeError):
            self._feed(pipe)
        self._sent += pipe.close(self._close_by or monotonic())
        self._lost += pipe.unsent

    def _feed(self, pipe: Pipe) -> None:
        """Until the sender is gone, or the queue closed and empty, or it is too late."""
        while pipe.is_alive() and not (self._is_over(pipe) or self._is_late()):
            if pipe.is_written() and (events := self._take()):
                pipe.put(events)
            if not pipe.is_written():
                pipe.write(TICK_S)
            self._sent += pipe.take_sent()
            if monotonic() - self._reported_at >= REPORT_EVERY_S:
                self._tell()

    def _take(self) -> list[Event]:
        """Waits a tick for the first."""
        with self._changed:
            self._changed.wait_for(lambda: self._events or self._close_by, TICK_S)
            return [self._events.popleft() for _ in range(min(BATCH_MAX_EVENTS, len(self._events)))]

    def _tell(self) -> None:
        with self._changed:
            dropped, self._lost, self._overflowed = self._lost + self._overflowed, 0, 0
        if dropped:
            log.warning("gRPC target %s: %d events dropped, %d sent, of late", self._name, dropped, self._sent)
        self._report(self._sent, dropped)
        self._sent, self._reported_at = 0, monotonic()

    def _pause(self, pause_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._close_by, pause_s)

    def _is_over(self, pipe: Pipe) -> bool:
        return self._close_by is not None and not self._events and pipe.is_written()

    def _is_late(self) -> bool:
        return self._close_by is not None and monotonic() >= self._close_by
