"""The end of a connection whose client is still sending: a mere close would take the answer from it (RFC 9112, 9.6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Lingering:
    """A transport around another. Closing it closes, at first, only its sending side where the client is sending.

    closing: asked whether that is so; whoever says yes passes over what comes, and ends the connection in time.
    """

    def __init__(self, transport: Any, closing: Callable[[], bool]) -> None:
        self._transport = transport
        self._closing = closing
        self._is_closing = False
        self.write = transport.write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self._is_closing or bool(self._transport.is_closing())

    def close(self) -> None:
        if self.is_closing():
            return
        self._is_closing = True
        if self._closing():
            self._transport.write_eof()
            self._transport.resume_reading()
        else:
            self._transport.close()
