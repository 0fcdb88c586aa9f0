"""Following the change feed by server-sent events, over as many connections as it takes.

A message is lines of `field: value` ended by an empty line; a line that begins with a colon is a comment.
The server sends three kinds:

    id: 1718000000000-0     id: 1718000000000-0          event: gap
    event: cursor           data: {"timestamp": ...}     data: {"after": CURSOR, "oldest": CURSOR}
    data: {}

`cursor` comes as soon as the follower has its place in the feed, a plain message for each change, and `gap`
where changes are missing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, closing
from itertools import chain
from typing import NamedTuple

import msgspec

from coinslot.client.answers import Change, FeedGap, Unavailable

_log = logging.getLogger("coinslot")

Connect = Callable[[str | None, float | None], AbstractContextManager[Iterable[bytes]]]
Pause = Callable[[int, Unavailable], bool]


class Message(NamedTuple):
    """A server-sent event; one without an id leaves the follower's place as it is."""

    id: str | None
    event: str
    data: bytes


def parse(lines: Iterable[bytes]) -> Iterator[Message]:
    """The messages in a stream of lines; what the end of the stream cuts off is left out."""
    fields: dict[bytes, bytes] = {}
    for line in lines:
        line = line.rstrip(b"\r\n")
        if not line:
            if fields:
                yield _message(fields)
            fields = {}
        elif not line.startswith(b":"):
            name, _, value = line.partition(b":")
            # The server puts an event on one `data` line, so that none need be joined.
            fields[name] = value.removeprefix(b" ")


def _message(fields: dict[bytes, bytes]) -> Message:
    id, event = fields.get(b"id"), fields.get(b"event", b"message")
    return Message(id.decode() if id else None, event.decode(), fields.get(b"data", b""))


def messages(connect: Connect, pause: Pause, after: str | None, start: float | None) -> Generator[Message, None, None]:
    """Every message from a place on, connecting again where a connection was lost.

    Ends when `pause` returns False, which it does once the client is closed; `pause` raises when it was
    called often enough in a row.
    """
    failures = 0
    while True:
        failure = Unavailable("the server ended the stream")
        try:
            with connect(after, start) as lines:
                for message in parse(lines):
                    failures = 0
                    after, start = (message.id, None) if message.id else (after, start)
                    yield message
        except Unavailable as error:
            failure = error
        failures += 1
        if not pause(failures, failure):
            return


def changes(
    messages: Generator[Message, None, None], first: Iterable[Message] = (), *, skip_gaps: bool
) -> Generator[Change, None, None]:
    """The changes among messages; raises FeedGap at a gap, or only says so in the log with `skip_gaps`.

    first: messages that were taken from the others before.
    """
    with closing(messages):  # and with them the connection, which whoever keeps a FeedGap would keep by its traceback
        for message in chain(first, messages):
            if message.event == "message":
                yield Change(message.id, message.data)
            elif message.event == "gap":
                gap = msgspec.json.decode(message.data, type=dict[str, str])
                missed = FeedGap(gap["after"], gap["oldest"])
                if not skip_gaps:
                    raise missed
                _log.warning("%s", missed)
