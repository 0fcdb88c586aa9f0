"""Group commit: the events of many POSTs enter the queue as one message.

Nobody waits for a timer. The first POST to join a commit puts it up for a publisher; all who come before one is free
join it. Then the commit is closed, published, and everyone in it is told. With a few publishers several commits are
under way at once, and the queue shares one fsync among them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from time import monotonic

from coinslot.errors import QueueUnavailable

Publish = Callable[[bytes, int], None]
Told = Future[None]  # one for all who are in a commit: the queue has it, or it ends in QueueUnavailable


class _Commit:
    """Events on their way."""

    __slots__ = ("begun_at", "raws", "size_bytes", "told")

    def __init__(self) -> None:
        self.raws: list[bytes] = []
        self.size_bytes = 0
        self.begun_at = monotonic()
        self.told: Told = Future()


class GroupCommit:
    """Commits events to the queue; call it from any number of threads.

    publishers: each puts one message, of so many events, into the queue, or raises QueueUnavailable; their number
    is that of the commits in flight, for each has a thread. max_bytes: a forming commit that reached this size takes
    no more.
    """

    def __init__(self, publishers: Sequence[Publish], max_bytes: int, timeout_s: float) -> None:
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._forming: _Commit | None = None
        self._waiting: SimpleQueue[_Commit] = SimpleQueue()  # as long as those who wait are many: they are bounded
        for publish in publishers:
            threading.Thread(target=self._run, args=(publish,), name="publish", daemon=True).start()

    def join(self, raws: Sequence[bytes]) -> Told:
        """Never waits. Where the word is QueueUnavailable, the queue may hold `raws` all the same."""
        size_bytes = sum(map(len, raws))
        with self._lock:
            commit = self._forming
            if commit is None or commit.size_bytes + size_bytes > self._max_bytes:
                commit = self._forming = _Commit()
                self._waiting.put(commit)
            commit.raws += raws
            commit.size_bytes += size_bytes
        return commit.told

    def __call__(self, raws: Sequence[bytes]) -> QueueUnavailable | None:
        """Return once the queue holds all of `raws`, or why it may not."""
        try:
            return fault(self.join(raws), self._timeout_s)
        except TimeoutError:
            return QueueUnavailable("the queue did not answer in time")

    def _run(self, publish: Publish) -> None:
        while True:
            commit = self._waiting.get()
            with self._lock:
                if self._forming is commit:
                    self._forming = None
            try:
                self._publish(publish, commit)
            except BaseException as error:  # noqa: BLE001 - whatever happened, nobody who joined is left waiting
                commit.told.set_exception(error)
            else:
                commit.told.set_result(None)

    def _publish(self, publish: Publish, commit: _Commit) -> None:
        # A quarter of the time: connecting may take another, and publishing half (coinslot/queue/).
        if monotonic() - commit.begun_at > self._timeout_s / 4:
            raise QueueUnavailable("the queue is too slow: no connection to it became free in time")
        publish(b"[" + b",".join(commit.raws) + b"]", len(commit.raws))


def fault(told: Told, timeout_s: float = 0) -> QueueUnavailable | None:
    """What a commit came to; raises TimeoutError, and whatever bug of ours ended it."""
    error = told.exception(timeout_s)
    if error is None or isinstance(error, QueueUnavailable):
        return error
    raise RuntimeError("the commit was given up") from error
