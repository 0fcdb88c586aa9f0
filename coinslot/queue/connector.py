"""Connects in a thread of its own, so that who needs a connection may stop waiting before it is made."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

T = TypeVar("T")


class Connector(Generic[T]):
    """Makes one connection at a time; used by one thread at a time.

    connect: takes many round trips, and so on a slow network longer than anybody may wait. close: for what nobody came
    to fetch.
    """

    def __init__(self, connect: Callable[[], T], close: Callable[[T], None]) -> None:
        self._connect = connect
        self._close = close
        self._executor = ThreadPoolExecutor(1, "connect")
        self._connecting: Future[T] | None = None

    def get(self, timeout_s: float) -> T:
        """A new connection, or the one that an earlier call began and did not wait for.

        Raises what `connect` raises, and TimeoutError if it is not made in time.
        """
        connecting = self._connecting = self._connecting or self._executor.submit(self._connect)
        wait([connecting], timeout_s)
        if not connecting.done():
            raise TimeoutError("still connecting")
        self._connecting = None
        return connecting.result()

    def close(self) -> None:
        """Nobody will come for what is being made."""
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.add_done_callback(self._close_made)

    def _close_made(self, connecting: Future[T]) -> None:
        if connecting.exception() is None:
            self._close(connecting.result())
