"""Group commit: the events of many POSTs enter the queue as one message.

Nobody waits for a timer. The first POST to join a commit leads it: it waits for a publisher to be free, and all
who come meanwhile join; then the commit is closed, published, and everyone in it is answered. With a few publishers
several commits are under way at once, and the queue shares one fsync among them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import Empty, LifoQueue

from coinslot.errors import QueueUnavailable

Publish = Callable[[bytes, int], None]


class _Commit:
    """Events on their way, and the word on how it went."""

    def __init__(self) -> None:
        self.raws: list[bytes] = []
        self.size_bytes = 0
        self.error: QueueUnavailable | None = None
        self._done = threading.Event()

    def add(self, raws: Sequence[bytes], size_bytes: int) -> None:
        self.raws += raws
        self.size_bytes += size_bytes

    def finish(self, error: QueueUnavailable | None) -> None:
        self.error = error
        self._done.set()

    def result(self, timeout_s: float) -> None:
        if not self._done.wait(timeout_s):
            raise QueueUnavailable("the queue did not answer in time")
        if self.error is not None:
            raise QueueUnavailable(str(self.error))


class GroupCommit:
    """Commits events to the queue; call it from any number of threads.

    publishers: each puts one message, of so many events, into the queue, or raises QueueUnavailable; their number
    is that of the commits in flight. max_bytes: a forming commit that reached this size takes no more.
    """

    def __init__(self, publishers: Sequence[Publish], max_bytes: int, timeout_s: float) -> None:
        self._free: LifoQueue[Publish] = LifoQueue()  # last in, first out: few busy connections, warm
        for publish in publishers:
            self._free.put(publish)
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._forming: _Commit | None = None

    def __call__(self, raws: Sequence[bytes]) -> None:
        """Return once the queue holds all of `raws`; raises QueueUnavailable, and then it may hold them."""
        size_bytes = sum(map(len, raws))
        with self._lock:
            commit = self._forming
            leads = commit is None or commit.size_bytes + size_bytes > self._max_bytes
            if commit is None or leads:
                commit = self._forming = _Commit()
            commit.add(raws, size_bytes)
        if leads:
            self._lead(commit)
        commit.result(self._timeout_s)

    def _lead(self, commit: _Commit) -> None:
        error: QueueUnavailable | None = QueueUnavailable("the commit was given up")
        try:
            # A quarter of the time: connecting may take another, and publishing half (coinslot/queue/).
            publish = self._free.get(timeout=self._timeout_s / 4)
            try:
                self._close(commit)
                publish(b"[" + b",".join(commit.raws) + b"]", len(commit.raws))
                error = None
            finally:
                self._free.put(publish)
        except Empty:
            error = QueueUnavailable("the queue is too slow: no connection to it became free in time")
        except QueueUnavailable as unavailable:
            error = unavailable
        finally:
            self._close(commit)
            commit.finish(error)  # whatever happened, nobody who joined is left waiting

    def _close(self, commit: _Commit) -> None:
        with self._lock:
            if self._forming is commit:
                self._forming = None
