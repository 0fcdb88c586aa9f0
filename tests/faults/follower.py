"""A follower close to the wire: what it was told, in order, in either format, over as many connections as it takes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException
from typing import NamedTuple, Self

import msgspec

from coinslot.changes import START
from coinslot.client.following import parse
from tests.wire import Stream

EVENTS, LINES = "text/event-stream", "application/json"
FORMATS = {"server-sent events": EVENTS, "lines": LINES}
PAUSE_S = 0.01
JOIN_TIMEOUT_S = 20.0


class Told(NamedTuple):
    """A change, or a gap where `gap_after` is set; then the cursor is that before the oldest change left."""

    cursor: str
    id: str = ""
    gap_after: str = ""


class Follower:
    """Follows from the beginning of the feed. resumes: at its cursor; else from then on, as one who keeps none."""

    def __init__(self, url: str, accept: str = EVENTS, *, resumes: bool = True, timeout_s: float = 30.0) -> None:
        self.told: list[Told] = []
        self.connections = 0
        self._url = url
        self._accept = accept
        self._resumes = resumes
        self._timeout_s = timeout_s
        self._stream: Stream | None = None
        self._stopping = threading.Event()
        self._away = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    @property
    def cursor(self) -> str:
        return self.told[-1].cursor if self.told else START

    @property
    def ids(self) -> set[str]:
        return {each.id for each in self.told if each.id}

    def go_away(self) -> None:
        """Close the connection at the next change, and make none before `come_back`."""
        self._away.set()

    def come_back(self) -> None:
        self._away.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self._stream:
            self._stream.hang_up()
        self._thread.join(JOIN_TIMEOUT_S)

    def _run(self) -> None:
        while not self._stopping.wait(PAUSE_S):
            if self._away.is_set():
                continue
            after = f"?after={self.cursor}" if self._resumes or not self.connections else ""
            self.connections += 1
            with suppress(HTTPException, OSError):  # cut off
                self._follow(after)

    def _follow(self, after: str) -> None:
        with Stream(self._url, after, timeout_s=self._timeout_s, Accept=self._accept) as stream:
            self._stream, lines = stream, iter(stream.line, b"")
            for told in self._events(lines) if self._accept == EVENTS else self._lines(lines):
                self.told.append(told)
                if self._stopping.is_set() or self._away.is_set():
                    return

    def _events(self, lines: Iterator[bytes]) -> Iterator[Told]:
        for message in parse(lines):
            data = msgspec.json.decode(message.data)
            if message.event == "gap":
                yield Told(data["oldest"], gap_after=data["after"])
            elif message.event == "message":
                yield Told(message.id or "", data["_id"])

    def _lines(self, lines: Iterator[bytes]) -> Iterator[Told]:
        for line in lines:
            if not line.endswith(b"\r\n") or not line.strip():
                continue  # what the cut left of it, or a heartbeat
            said = msgspec.json.decode(line)
            if "gap" in said:
                yield Told(said["gap"]["oldest"], gap_after=said["gap"]["after"])
            else:
                yield Told(said["seq"], said["doc"]["_id"])
