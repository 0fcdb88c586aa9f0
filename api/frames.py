"""How a follower is told: server-sent events (WHATWG HTML, 9.2) or, for old clients, JSON lines.

server-sent events                            JSON lines, each ended by \\r\\n
event: cursor, id: CURSOR, data: {}           (none)                               where following begins
id: CURSOR, data: EVENT                       {"seq": "CURSOR", "doc": EVENT}      a change
data: EVENT                                   {"doc": EVENT}                       stored before that
event: gap, id: OLDEST, data: {...}           {"gap": {"after", "oldest"}}         changes in between are gone
: ping                                        (an empty line)                      nothing happened for 15 s
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

import msgspec

from coinslot.changes import Change, Gap, Page

HEARTBEAT_S = 15.0
PIECE_BYTES = 64 * 1024


class Frames(ABC):
    """A format of the stream; each method returns bytes to send, possibly none."""

    content_type: str
    heartbeat: bytes

    def page(self, page: Page) -> bytes:
        return (self._gap(page.gap) if page.gap else b"") + b"".join(map(self._change, page.changes))

    def stored(self, events: Iterable[bytes]) -> bytes:
        return b"".join(map(self._stored, events))

    @abstractmethod
    def begin(self, cursor: str) -> bytes: ...

    @abstractmethod
    def _change(self, change: Change) -> bytes: ...

    @abstractmethod
    def _stored(self, event: bytes) -> bytes: ...

    @abstractmethod
    def _gap(self, gap: Gap) -> bytes: ...


class ServerSentEvents(Frames):
    content_type = "text/event-stream"
    heartbeat = b": ping\n\n"

    def begin(self, cursor: str) -> bytes:
        return b"event: cursor\nid: %b\ndata: {}\n\n" % cursor.encode()

    def _change(self, change: Change) -> bytes:
        return b"id: %b\ndata: %b\n\n" % (change.cursor.encode(), change.event)

    def _stored(self, event: bytes) -> bytes:
        return b"data: %b\n\n" % event

    def _gap(self, gap: Gap) -> bytes:
        return b"event: gap\nid: %b\ndata: %b\n\n" % (gap.oldest.encode(), msgspec.json.encode(gap._asdict()))


class JsonLines(Frames):
    content_type = "application/json"
    heartbeat = b"\r\n"

    def begin(self, cursor: str) -> bytes:
        return b""

    def _change(self, change: Change) -> bytes:
        return b'{"seq":"%b","doc":%b}\r\n' % (change.cursor.encode(), change.event)

    def _stored(self, event: bytes) -> bytes:
        return b'{"doc":%b}\r\n' % event

    def _gap(self, gap: Gap) -> bytes:
        return b'{"gap":%b}\r\n' % msgspec.json.encode(gap._asdict())


def pieces(chunk: bytes) -> Iterator[bytes]:
    """In what a web server is handed at a time: for each follower it keeps some of those that were not yet sent."""
    if len(chunk) <= PIECE_BYTES:
        yield chunk
        return
    for at in range(0, len(chunk), PIECE_BYTES):
        yield chunk[at : at + PIECE_BYTES]


def frames_for(accept: str) -> Frames:
    """The format that an Accept header asks for."""
    return ServerSentEvents() if "text/event-stream" in accept.lower() else JsonLines()
