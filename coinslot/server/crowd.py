"""What becomes of a connection for which there is no room."""

from __future__ import annotations

import asyncio
from typing import Any

from coinslot.server.deadlines import Deadlines
from coinslot.server.refusal import refusal

RETRY_AFTER_S = 1
PATIENCE_S = 2.0
MAX_TOLD = 1000  # of those who wait to be told at once; to others the connection is just closed


class Crowd:
    """Those who came when as many were there as may be. Each is told 503 once it has asked for something.

    Not before: an answer to what has not been read is lost with the connection.
    """

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._waiting = 0

    def protocol(self, server_state: Any) -> asyncio.Protocol:
        return _Told(self, server_state)

    def joined(self, told: _Told) -> bool:
        """Whether there is time for it."""
        self._waiting += 1
        self._deadlines.set(told, PATIENCE_S)
        return self._waiting <= MAX_TOLD

    def left(self, told: _Told) -> None:
        self._waiting -= 1
        self._deadlines.clear(told)


class _Told(asyncio.Protocol):
    def __init__(self, crowd: Crowd, server_state: Any) -> None:
        self._crowd = crowd
        self._server_state = server_state
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        if not self._crowd.joined(self):
            transport.abort()

    def data_received(self, data: bytes) -> None:
        if not self._transport.is_closing():
            fields = [*self._server_state.default_headers, (b"retry-after", b"%d" % RETRY_AFTER_S)]
            self._transport.write(refusal(503, "too many connections", fields))
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._crowd.left(self)

    def expire(self) -> None:
        self._transport.abort()
