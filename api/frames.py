"""How a follower is told: server-sent events (WHATWG HTML, 9.2) or, for old clients, JSON lines.

server-sent events                            JSON lines, each ended by \\r\\n
event: cursor, id: CURSOR, data: {}           (none)                               where following begins
id: CURSOR, data: EVENT                       {"seq": "CURSOR", "doc": EVENT}      a change
data: EVENT                                   {"doc": EVENT}                       stored before that
event: gap, id: OLDEST, data: {...}           {"gap": {"after", "oldest"}}         changes in between are gone
: ping                                        (an empty line)                      nothing happened for 15 s
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from coinslot.changes import Change, Gap, Page

HEARTBEAT_S = 15.0


class Frames(Protocol):
    """A format of the stream; each method returns bytes to send, possibly none."""

    content_type: str
    heartbeat: bytes

    def begin(self, cursor: str) -> bytes: ...
    def stored(self, events: Iterable[bytes]) -> bytes: ...
    def page(self, page: Page) -> bytes: ...


class ServerSentEvents:
    content_type = "text/event-stream"
    heartbeat = b": ping\n\n"

    def begin(self, cursor: str) -> bytes:
        return b"event: cursor\nid: %b\ndata: {}\n\n" % cursor.encode()

    def stored(self, events: Iterable[bytes]) -> bytes:
        return b"".join([b"data: %b\n\n" % event for event in events])

    def page(self, page: Page) -> bytes:
        return (self._gap(page.gap) if page.gap else b"") + b"".join(map(self._change, page.changes))

    def _change(self, change: Change) -> bytes:
        return b"id: %b\ndata: %b\n\n" % (change.cursor.encode(), change.event)

    def _gap(self, gap: Gap) -> bytes:
        return b"event: gap\nid: %b\ndata: %b\n\n" % (gap.oldest.encode(), _as_json(gap))


class JsonLines:
    content_type = "application/json"
    heartbeat = b"\r\n"

    def begin(self, cursor: str) -> bytes:
        return b""

    def stored(self, events: Iterable[bytes]) -> bytes:
        return b"".join([b'{"doc":%b}\r\n' % event for event in events])

    def page(self, page: Page) -> bytes:
        return (self._gap(page.gap) if page.gap else b"") + b"".join(map(self._change, page.changes))

    def _change(self, change: Change) -> bytes:
        return b'{"seq":"%b","doc":%b}\r\n' % (change.cursor.encode(), change.event)

    def _gap(self, gap: Gap) -> bytes:
        return b'{"gap":%b}\r\n' % _as_json(gap)


def _as_json(gap: Gap) -> bytes:
    return msgspec.json.encode({"after": gap.after, "oldest": gap.oldest})


def frames_for(accept: str) -> Frames:
    """The format that an Accept header asks for."""
    return ServerSentEvents() if "text/event-stream" in accept.lower() else JsonLines()
