"""The two formats of the stream, byte by byte."""

from __future__ import annotations

import json

import pytest

from api.frames import PIECE_BYTES, Frames, JsonLines, ServerSentEvents, frames_for, pieces
from coinslot.changes import Change, Gap, Page

EVENT = b'{"_id":"a","timestamp":1}'
PAGE = Page(None, [Change("5-0", EVENT), Change("5-1", b'{"_id":"b","timestamp":2}')])
GAP = Page(Gap(after="1-0", oldest="4-18446744073709551615"), PAGE.changes)

both = pytest.mark.parametrize("frames", [ServerSentEvents(), JsonLines()])


@pytest.mark.parametrize("accept", ["text/event-stream", "Text/Event-Stream", "text/html, text/event-stream;q=0.9"])
def test_who_accepts_server_sent_events_gets_them(accept: str) -> None:
    assert frames_for(accept).content_type == "text/event-stream"


@pytest.mark.parametrize("accept", ["", "*/*", "application/json", "text/*"])
def test_all_others_get_lines_as_old_clients_expect_them(accept: str) -> None:
    assert frames_for(accept).content_type == "application/json"


def test_a_change_as_a_server_sent_event_carries_its_cursor() -> None:
    assert ServerSentEvents().page(PAGE).startswith(b'id: 5-0\ndata: {"_id":"a","timestamp":1}\n\nid: 5-1\n')


def test_a_change_as_a_line_has_the_event_in_doc() -> None:
    lines = JsonLines().page(PAGE).split(b"\r\n")

    assert lines == [b'{"seq":"5-0","doc":%b}' % EVENT, b'{"seq":"5-1","doc":{"_id":"b","timestamp":2}}', b""]


def test_the_beginning_is_told_to_those_who_can_resume_there() -> None:
    assert ServerSentEvents().begin("5-0") == b"event: cursor\nid: 5-0\ndata: {}\n\n"
    assert JsonLines().begin("5-0") == b""


def test_what_was_stored_before_has_no_cursor() -> None:
    assert ServerSentEvents().stored([EVENT]) == b"data: %b\n\n" % EVENT
    assert JsonLines().stored([EVENT]) == b'{"doc":%b}\r\n' % EVENT


def test_a_gap_comes_before_the_changes_that_are_left() -> None:
    told = {"after": "1-0", "oldest": "4-18446744073709551615"}

    event, _, rest = ServerSentEvents().page(GAP).partition(b"\n\n")
    line, _, lines = JsonLines().page(GAP).partition(b"\r\n")

    assert event.startswith(b"event: gap\nid: 4-18446744073709551615\ndata: ")
    assert json.loads(event.split(b"data: ")[1]) == told
    assert json.loads(line) == {"gap": told}
    assert (rest, lines) == (ServerSentEvents().page(PAGE), JsonLines().page(PAGE))


@both
def test_nothing_to_say_is_said_in_no_bytes(frames: Frames) -> None:
    assert frames.stored([]) == b""
    assert frames.page(Page(None, [])) == b""


def test_a_heartbeat_is_no_event() -> None:
    assert ServerSentEvents.heartbeat == b": ping\n\n"
    assert JsonLines.heartbeat == b"\r\n"


@pytest.mark.parametrize("size_bytes", [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 5 * PIECE_BYTES])
def test_a_chunk_is_handed_out_in_small_pieces_and_whole(size_bytes: int) -> None:
    chunk = bytes(n % 251 for n in range(size_bytes))

    handed_out = list(pieces(chunk))

    assert b"".join(handed_out) == chunk
    assert max(map(len, handed_out)) <= PIECE_BYTES
