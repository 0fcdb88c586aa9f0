"""A bound on the memory that bodies take: what all requests of a process hold at once."""

from __future__ import annotations

import threading

from ingest.answer import Busy

RETRY_AFTER_S = 1
FREE_BYTES = 64 * 1024  # a body up to this size is not counted: a thread each, they come to a few MiB


class Budget:
    """So many bytes, for bodies of more than FREE_BYTES."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.held_bytes = 0
        self._lock = threading.Lock()

    def share(self) -> Share:
        return Share(self)

    def take(self, size_bytes: int) -> None:
        """Raises Busy, having taken nothing, where so much is not left."""
        with self._lock:
            if self.held_bytes + size_bytes > self._max_bytes:
                raise Busy(f"bodies of {self._max_bytes} bytes are being taken already", RETRY_AFTER_S)
            self.held_bytes += size_bytes

    def give_back(self, size_bytes: int) -> None:
        with self._lock:
            self.held_bytes -= size_bytes


class Share:
    """One request's part of the budget, given back when `with` it ends."""

    __slots__ = ("_budget", "_held_bytes")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._held_bytes = 0

    def hold(self, size_bytes: int) -> None:
        """Hold so much, not so much more: a body counts once, by the larger of its forms. Raises Busy."""
        if size_bytes > FREE_BYTES and size_bytes > self._held_bytes:
            self._budget.take(size_bytes - self._held_bytes)
            self._held_bytes = size_bytes

    def give_back(self) -> None:
        if self._held_bytes:
            self._budget.give_back(self._held_bytes)
            self._held_bytes = 0

    def __enter__(self) -> Share:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()
