"""What a protocol stands between, made up: the transport below it, and the deadlines that are set for it."""

from __future__ import annotations

import asyncio
from typing import Any


class Transport(asyncio.Transport):
    """What is written to it, and what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_paused = False
        self.ended = ""
        self.protocol: Any = None

    def write(self, data: Any) -> None:
        assert not self.ended
        self.written += data

    def write_eof(self) -> None:
        self.ended = self.ended or "half-closed"

    def close(self) -> None:
        if self.ended != "aborted":
            self.ended = "closed"

    def abort(self) -> None:
        self.ended = "aborted"

    def is_closing(self) -> bool:
        return self.ended not in ("", "half-closed")

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol


class Waits:
    """Deadlines that nobody keeps."""

    def __init__(self) -> None:
        self.until: dict[Any, float] = {}

    def set(self, connection: Any, timeout_s: float) -> None:
        self.until[connection] = timeout_s

    def clear(self, connection: Any) -> None:
        self.until.pop(connection, None)
