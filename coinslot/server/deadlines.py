"""How long connections may keep us waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple, Protocol

SWEEP_EVERY_S = 1.0

BODY_BYTES = 160 * 1024


class Patience(NamedTuple):
    """Of a server with its clients.

    head_s: for a request's head, waiting for it included. body_s: for a body, and again for each BODY_BYTES of it.
    unread_s: in which a client takes nothing of what it is sent. linger_s: in which a client may hear that nobody
    listens to it any more.
    """

    head_s: float = 10.0
    body_s: float = 10.0
    unread_s: float = 60.0
    linger_s: float = 30.0


class Expiring(Protocol):
    def expire(self) -> None:
        """Its time is up."""


class Deadlines:
    """A deadline for each connection that has one, kept to the second; used on the event loop alone.

    One timer sweeps them all: to set a deadline for each request costs next to nothing.
    """

    def __init__(self, running_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.get_running_loop) -> None:
        self._running_loop = running_loop
        self._loop: asyncio.AbstractEventLoop | None = None  # while there is a timer
        self._until: dict[Expiring, float] = {}

    def set(self, connection: Expiring, timeout_s: float) -> None:
        """In place of the one it had."""
        if self._loop is None:
            self._loop = self._running_loop()
            self._loop.call_later(SWEEP_EVERY_S, self._sweep, self._loop)
        self._until[connection] = self._loop.time() + timeout_s

    def clear(self, connection: Expiring) -> None:
        self._until.pop(connection, None)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._until:
            loop.call_later(SWEEP_EVERY_S, self._sweep, loop)
        else:
            self._loop = None
        now = loop.time()
        for connection in [each for each, until in self._until.items() if until <= now]:
            self.clear(connection)
            connection.expire()
