"""A connection: uvicorn's, with the limits that it lacks."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from coinslot.server.deadlines import Deadlines

MAX_HEAD_BYTES = 64 * 1024
MAX_FIELDS = 100


class Connection(HttpToolsProtocol):
    """Bounds each request's head in bytes, fields and time; the time to wait for it included."""

    def __init__(self, deadlines: Deadlines, head_timeout_s: float, **context: Any) -> None:
        super().__init__(**context)
        self._deadlines = deadlines
        self._head_timeout_s = head_timeout_s
        self._head_bytes: int | None = 0  # None while no head is being read

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._deadlines.set(self, self._head_timeout_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadlines.clear(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._head_bytes is not None:
            self._head_bytes += len(data)  # of what may follow the head too, if it does not end in this piece
        super().data_received(data)
        if self._head_bytes is not None and self._head_bytes > MAX_HEAD_BYTES:
            self._refuse()

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > MAX_FIELDS:
            self._refuse()

    def on_headers_complete(self) -> None:
        self._head_bytes = None
        self._deadlines.clear(self)
        if not self.transport.is_closing():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._head_bytes = 0

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._deadlines.set(self, self._head_timeout_s)

    def _refuse(self) -> None:
        if not self.transport.is_closing():
            self.send_400_response("The request's header is too large.")

    def expire(self) -> None:
        self.transport.abort()
