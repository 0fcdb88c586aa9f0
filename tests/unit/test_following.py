"""Following over many connections, with connections that a test makes up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

import pytest

from coinslot.client import following
from coinslot.client.answers import Change, FeedGap, Unavailable
from coinslot.client.following import Message

CURSOR = [b"id: 1-0\n", b"event: cursor\n", b"data: {}\n", b"\n"]
GAP = [b"event: gap\n", b"id: 7-0\n", b'data: {"after": "1-0", "oldest": "7-0"}\n', b"\n"]


def change(cursor: str, event: bytes = b'{"timestamp":1}') -> list[bytes]:
    return [b"id: %b\n" % cursor.encode(), b"data: %b\n" % event, b"\n"]


def stored(event: bytes) -> list[bytes]:
    return [b"data: %b\n" % event, b"\n"]


class Server:
    """Each connection gives its lines, and is then lost. Afterwards the server is away."""

    def __init__(self, *connections: Iterable[bytes]) -> None:
        self.connections = list(connections)
        self.asked: list[tuple[str | None, float | None]] = []
        self.closed = 0

    @contextmanager
    def connect(self, after: str | None, start: float | None) -> Iterator[Iterable[bytes]]:
        self.asked.append((after, start))
        if not self.connections:
            raise Unavailable
        try:
            yield self.connections.pop(0)
        finally:
            self.closed += 1

    def messages(self, after: str | None = None, start: float | None = None, retries: int = 3) -> Iterator[Message]:
        def pause(failures: int, error: Unavailable) -> bool:
            return failures <= retries

        return following.messages(self.connect, pause, after, start)


def test_a_message_is_known_by_its_fields_and_comments_are_none() -> None:
    lines = [b": ping\n", b"\n", b"id:2-0\r\n", b'data: {"a": "b: c"}\r\n', b"\r\n", *GAP]

    messages = list(following.parse(lines))

    assert messages == [
        Message("2-0", "message", b'{"a": "b: c"}'),
        Message("7-0", "gap", b'{"after": "1-0", "oldest": "7-0"}'),
    ]


def test_a_message_cut_off_by_the_end_of_the_stream_is_left_out() -> None:
    messages = list(following.parse([*change("1-0"), b"id: 2-0\n", b'data: {"time']))

    assert [message.id for message in messages] == ["1-0"]


def test_a_lost_connection_goes_on_after_the_last_change() -> None:
    server = Server([*CURSOR, *change("2-0")], change("3-0"))

    ids = [message.id for message in server.messages()]

    assert ids == ["1-0", "2-0", "3-0"]
    assert server.asked[:3] == [(None, None), ("2-0", None), ("3-0", None)]


def test_a_connection_lost_among_stored_events_begins_with_them_again() -> None:
    server = Server(stored(b"{}"), [*stored(b"{}"), *CURSOR])

    list(server.messages(start=5))

    assert server.asked[:3] == [(None, 5), (None, 5), ("1-0", None)]


def test_failures_count_anew_once_a_message_has_come() -> None:
    server = Server([], [], CURSOR, [], change("2-0"))

    ids = [message.id for message in server.messages(retries=2)]

    assert ids == ["1-0", "2-0"]
    assert not server.connections


def test_a_change_carries_its_cursor_and_a_stored_event_none() -> None:
    lines = [*stored(b'{"timestamp":1}'), *CURSOR, *change("2-0", b'{"timestamp":2}')]

    first, second = following.changes(following.parse(lines), skip_gaps=False)

    assert first == Change(None, b'{"timestamp":1}')
    assert second == Change("2-0", b'{"timestamp":2}')
    assert second.event == {"timestamp": 2}


def test_a_gap_is_raised() -> None:
    changes = following.changes(following.parse([*GAP, *change("8-0")]), skip_gaps=False)

    with pytest.raises(FeedGap) as raised:
        next(changes)

    assert (raised.value.after, raised.value.oldest) == ("1-0", "7-0")


def test_whoever_keeps_a_gap_that_was_raised_keeps_no_connection() -> None:
    server = Server([*GAP, *change("8-0")])

    with pytest.raises(FeedGap) as kept:
        next(following.changes(server.messages(), skip_gaps=False))

    assert server.closed == 1
    assert kept.value.__traceback__ is not None


def test_a_gap_is_passed_over_and_logged_when_told_to(caplog: pytest.LogCaptureFixture) -> None:
    changes = following.changes(following.parse([*GAP, *change("8-0")]), skip_gaps=True)

    cursors = [change.cursor for change in changes]

    assert cursors == ["8-0"]
    assert "changes were missed" in caplog.text


def test_following_reads_no_more_than_it_is_asked_for() -> None:
    def endless() -> Iterator[bytes]:
        yield from CURSOR
        for number in range(2, 1_000_000):
            yield from change(f"{number}-0")

    server = Server(endless())

    changes = list(islice(following.changes(server.messages(), skip_gaps=False), 3))

    assert [change.cursor for change in changes] == ["2-0", "3-0", "4-0"]
