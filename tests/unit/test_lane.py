"""The fast lane on a transport that is made up: in whatever pieces requests come, they are told apart and answered."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from coinslot.server import Opening, Patience
from ingest import answer, lane
from ingest.answer import Answer, Refused
from ingest.budget import FREE_BYTES, Budget, Share
from ingest.desk import Tell
from ingest.head import Head
from ingest.lane import Lane
from tests.connections import Transport, Waits

PATH, OTHER_PATH = "/wsapi/interaction_data", "/v0/analytics"
MAX_BYTES = 1_000_000
PATIENCE = Patience(head_s=1, body_s=2, unread_s=3, linger_s=4)


class Desk:
    """Answers with what it was given: at once, or when it is told to."""

    def __init__(self) -> None:
        self.at_once = True
        self.bodies: list[bytes] = []
        self.waiting: list[tuple[bytes, Tell]] = []

    def take(self, head: Head, content: bytes, share: Share, tell: Tell) -> None:
        self.bodies.append(content)
        if self.at_once:
            tell(echo(content))
        else:
            self.waiting.append((content, tell))

    def refuse(self, media: str, error: Refused) -> Answer:
        return answer.refused(error, as_text=media == "text/plain")

    def tell(self) -> None:
        content, tell = self.waiting.pop(0)
        tell(echo(content))


class State:
    """As much of uvicorn's as a lane uses."""

    def __init__(self) -> None:
        self.connections: set[Any] = set()
        self.default_headers = [(b"date", b"today")]


class Whole:
    """The server that connections are handed over to."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.received = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data


class Stage:
    """A lane and all around it."""

    def __init__(self, budget_bytes: int = MAX_BYTES) -> None:
        self.desk, self.other_desk = Desk(), Desk()
        self.waits, self.state, self.whole = Waits(), State(), Whole()
        self.budget, self.transport = Budget(budget_bytes), Transport()
        opening: Any = Opening(self.state, self.waits, PATIENCE, lambda: self.whole)  # type: ignore[arg-type, return-value]
        desks: Any = {PATH: self.desk, OTHER_PATH: self.other_desk}
        self.lane = Lane(desks, self.budget, lambda head: head.authorization != "no", MAX_BYTES, opening)  # type: ignore[arg-type]
        self.lane.connection_made(self.transport)

    async def receive(self, *pieces: bytes) -> None:
        for piece in pieces:
            (self.transport.protocol or self.lane).data_received(piece)
            await self.turn()

    async def turn(self) -> None:
        """Until nothing is left to be done at once."""
        for _ in range(3):
            await asyncio.sleep(0)

    @property
    def wait_s(self) -> float | None:
        return self.waits.until.get(self.lane)


def echo(content: bytes) -> Answer:
    return Answer(answer.STATUS[201], answer.TEXT, content[:10])


def post(body: bytes, *fields: bytes) -> bytes:
    head = [b"POST %b HTTP/1.1" % PATH.encode(), b"Host: t", b"Content-Length: %d" % len(body), *fields, b"", b""]
    return b"\r\n".join(head) + body


def answered(body: bytes, closes: bytes = b"") -> bytes:
    text = body[:10]
    head = b"HTTP/1.1 201 Created\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n" % len(text)
    return head + b"date: today\r\n" + closes + b"\r\n" + text


CLOSES = b"connection: close\r\n"
GET = b"GET /alive HTTP/1.1\r\nHost: t\r\n\r\n"


def staged(play: Any, **more: Any) -> Stage:
    """The stage after `play`, a coroutine function of it."""

    async def run() -> Stage:
        stage = Stage(**more)
        await play(stage)
        await stage.turn()
        return stage

    return asyncio.run(run())


@pytest.mark.parametrize("at_once", [True, False], ids=["answered at once", "answered later"])
def test_split_anywhere_two_requests_and_what_is_not_for_it_are_told_apart(at_once: bool) -> None:
    sent = post(b"one") + post(b"second") + GET

    for split in range(len(sent) + 1):

        async def play(stage: Stage, split: int = split) -> None:
            stage.desk.at_once = at_once
            await stage.receive(*filter(None, (sent[:split], sent[split:])))
            for _ in range(2 * (not at_once)):
                stage.desk.tell()
                await stage.turn()

        stage = staged(play)
        assert stage.desk.bodies == [b"one", b"second"]
        assert stage.transport.written == answered(b"one") + answered(b"second")
        assert stage.whole.received == GET
        assert stage.transport.protocol is stage.whole is not None


def test_a_byte_at_a_time_too() -> None:
    sent = post(b"one") + post(b"two") + GET

    stage = staged(lambda stage: stage.receive(*[sent[n : n + 1] for n in range(len(sent))]))

    assert stage.desk.bodies == [b"one", b"two"]
    assert stage.whole.received == GET


def test_thousands_in_one_piece_are_answered_in_order_without_piling_up() -> None:
    bodies = [b"%d" % n for n in range(5_000)]

    stage = staged(lambda stage: stage.receive(b"".join(map(post, bodies))))

    assert stage.transport.written == b"".join(map(answered, bodies))


def test_a_request_waits_until_the_one_before_is_answered() -> None:
    async def play(stage: Stage) -> None:
        stage.desk.at_once = False
        await stage.receive(post(b"one") + post(b"two"), post(b"three"))
        assert stage.desk.bodies == [b"one"]
        stage.desk.tell()
        await stage.turn()
        assert stage.desk.bodies == [b"one", b"two"]

    assert staged(play).transport.written == answered(b"one")


def test_each_path_has_a_desk_and_its_answers_stay_in_order() -> None:
    other = post(b"two").replace(PATH.encode(), OTHER_PATH.encode())

    async def play(stage: Stage) -> None:
        stage.desk.at_once = False
        await stage.receive(post(b"one") + other + post(b"three"))
        assert stage.other_desk.bodies == []
        for _ in range(2):
            stage.desk.tell()
            await stage.turn()

    stage = staged(play)
    assert (stage.desk.bodies, stage.other_desk.bodies) == ([b"one", b"three"], [b"two"])
    assert stage.transport.written == answered(b"one") + answered(b"two") + answered(b"three")


HANDED_OVER = {
    "another method": GET,
    "another path": post(b"x").replace(PATH.encode(), b"/erasures"),
    "TLS": b"\x16\x03\x01",
    "half a word": b"POSE",
    "a path below": post(b"x").replace(PATH.encode(), PATH.encode() + b"/stream"),
    "an escape in the path": post(b"x").replace(b"_data", b"%5fdata"),
    "an empty line": b"\r\n" + post(b"x"),
    "a head without an end": b"POST %b HTTP/1.1\r\nX: " % PATH.encode() + b"x" * 10_000,
    "chunks": post(b"x", b"Transfer-Encoding: chunked"),
    "too large a body": post(b"x").replace(b"Length: 1", b"Length: 1000001"),
    "nobody's": post(b"x", b"Authorization: no"),
}


@pytest.mark.parametrize("sent", HANDED_OVER.values(), ids=HANDED_OVER)
def test_what_is_not_for_it_is_handed_over_with_every_byte(sent: bytes) -> None:
    stage = staged(lambda stage: stage.receive(post(b"first"), sent[:2], sent[2:]))

    assert stage.whole.received == sent
    assert stage.transport.protocol is stage.whole.transport.protocol is stage.whole
    assert (stage.state.connections, stage.waits.until) == (set(), {})
    assert stage.desk.bodies == [b"first"]


def test_whose_body_there_is_no_room_for_is_handed_over_to_be_told_so() -> None:
    sent = post(b"x" * (FREE_BYTES + 1))

    stage = staged(lambda stage: stage.receive(sent), budget_bytes=FREE_BYTES)

    assert stage.whole.received == sent
    assert stage.budget.held_bytes == 0


def test_a_body_is_held_until_its_answer_is_written() -> None:
    body = b"x" * (FREE_BYTES + 1)

    async def play(stage: Stage) -> None:
        stage.desk.at_once = False
        await stage.receive(post(body)[:-1])
        assert stage.budget.held_bytes == len(body)
        await stage.receive(b"x")
        assert stage.budget.held_bytes == len(body)
        stage.desk.tell()

    assert staged(play).budget.held_bytes == 0


@pytest.mark.parametrize("answered_later", [True, False])
def test_whoever_leaves_gives_back_what_was_held(answered_later: bool) -> None:
    body = b"x" * (FREE_BYTES + 1)

    async def play(stage: Stage) -> None:
        stage.desk.at_once = False
        await stage.receive(post(body)[: None if answered_later else -1])
        stage.transport.ended = "lost"
        stage.lane.connection_lost(None)
        if answered_later:
            assert stage.budget.held_bytes == len(body)  # the desk is at it still
            stage.desk.tell()

    stage = staged(play)
    assert stage.budget.held_bytes == 0
    assert (stage.state.connections, stage.waits.until) == (set(), {})
    assert stage.transport.written == b""


def test_connection_close_is_the_end_and_nothing_behind_it_is_taken() -> None:
    stage = staged(lambda stage: stage.receive(post(b"last", b"Connection: close") + post(b"more")))

    assert stage.desk.bodies == [b"last"]
    assert stage.transport.written == answered(b"last", CLOSES)
    assert stage.transport.ended == "closed"


def test_whoever_says_no_more_is_answered_what_came_whole() -> None:
    async def play(stage: Stage) -> None:
        stage.desk.at_once = False
        await stage.receive(post(b"one") + post(b"two"))
        assert stage.lane.eof_received()
        for _ in range(2):
            assert not stage.transport.ended
            stage.desk.tell()
            await stage.turn()

    stage = staged(play)
    assert stage.transport.written == answered(b"one") + answered(b"two")
    assert stage.transport.ended == "closed"


@pytest.mark.parametrize("media", [b"application/json", b"text/plain"])
def test_a_body_that_ends_too_early_is_told_so(media: bytes) -> None:
    async def play(stage: Stage) -> None:
        await stage.receive(post(b"12345", b"Content-Type: " + media)[:-2])
        stage.lane.eof_received()

    stage = staged(play)
    assert stage.desk.bodies == []
    assert stage.transport.written.startswith(b"HTTP/1.1 400 ")
    assert b"body ended after 3 of 5 bytes" in stage.transport.written
    assert (b"{" in stage.transport.written) == (media == b"application/json")
    assert stage.transport.ended == "closed"


@pytest.mark.parametrize("sent", [b"", b"POST /wsapi", post(b"12345")[:40]])
def test_whoever_ends_within_a_head_is_let_go(sent: bytes) -> None:
    async def play(stage: Stage) -> None:
        await stage.receive(*filter(None, [sent]))
        stage.lane.eof_received()

    stage = staged(play)
    assert (stage.transport.written, stage.transport.ended) == (b"", "closed")


def test_what_comes_while_it_answers_stays_with_its_sender_beyond_a_bound() -> None:
    many = post(b"x" * 1000) * 100

    async def play(stage: Stage) -> None:
        stage.desk.at_once = False
        await stage.receive(post(b"one"), many)
        assert stage.transport.is_paused
        assert stage.budget.held_bytes == len(many)
        stage.desk.at_once = True
        stage.desk.tell()

    stage = staged(play)
    assert not stage.transport.is_paused
    assert len(stage.desk.bodies) == 101
    assert stage.budget.held_bytes == 0


def test_what_comes_while_it_answers_is_passed_over_where_there_is_no_room() -> None:
    async def play(stage: Stage) -> None:
        stage.desk.at_once = False
        await stage.receive(post(b"one"), post(b"x" * 1000) * 100)
        stage.desk.tell()

    stage = staged(play, budget_bytes=FREE_BYTES)
    assert stage.transport.written == answered(b"one", CLOSES)
    assert (stage.desk.bodies, stage.transport.ended) == ([b"one"], "closed")


def test_while_the_client_reads_no_answers_no_more_of_its_requests_are_taken() -> None:
    async def play(stage: Stage) -> None:
        stage.lane.pause_writing()
        await stage.receive(post(b"one"))
        assert stage.desk.bodies == []
        assert stage.wait_s == PATIENCE.unread_s
        stage.lane.resume_writing()
        await stage.turn()

    stage = staged(play)
    assert stage.desk.bodies == [b"one"]
    assert stage.wait_s == PATIENCE.head_s


def test_each_of_its_waits_has_an_end() -> None:
    async def play(stage: Stage) -> None:
        stage.desk.at_once = False
        assert stage.wait_s == PATIENCE.head_s
        await stage.receive(post(b"12345")[:-2])
        assert stage.wait_s == PATIENCE.body_s
        await stage.receive(b"45")
        assert stage.wait_s == lane.ANSWER_S
        stage.desk.tell()
        assert stage.wait_s == PATIENCE.head_s

    staged(play)


def test_a_body_that_comes_has_its_time_again_for_each_so_much_of_it() -> None:
    async def play(stage: Stage) -> None:
        sent = post(b"x" * (lane.BODY_BYTES * 3))
        for start in range(0, lane.BODY_BYTES * 3, lane.BODY_BYTES + 1):
            stage.waits.until.clear()
            await stage.receive(sent[start : start + lane.BODY_BYTES + 1])
            assert stage.wait_s == PATIENCE.body_s
        stage.waits.until.clear()
        stage.lane.data_received(b"")
        assert stage.wait_s is None

    staged(play)


def test_whose_body_is_late_is_told_so() -> None:
    async def play(stage: Stage) -> None:
        await stage.receive(post(b"12345")[:-2])
        stage.lane.expire()

    stage = staged(play)
    assert stage.transport.written.startswith(b"HTTP/1.1 408 ")
    assert b"3 of 5 bytes" in stage.transport.written
    assert stage.transport.ended == "closed"


def test_the_idle_are_let_go_and_who_does_not_read_is_cut_off() -> None:
    idle = staged(lambda stage: stage.receive(post(b"one")))
    unread = staged(lambda stage: stage.receive(post(b"one")))
    unread.lane.pause_writing()

    asyncio.run(expire(idle, unread))

    assert (idle.transport.ended, unread.transport.ended) == ("closed", "aborted")
    assert idle.wait_s == PATIENCE.unread_s  # and then it is cut off, too
    asyncio.run(expire(idle))
    assert idle.transport.ended == "aborted"


async def expire(*stages: Stage) -> None:
    for stage in stages:
        stage.lane.expire()


def test_at_a_stop_what_was_begun_is_answered_and_the_idle_are_let_go() -> None:
    async def play(stage: Stage) -> None:
        stage.desk.at_once = False
        await stage.receive(post(b"one") + post(b"two"))
        stage.lane.shutdown()
        assert not stage.transport.ended
        stage.desk.tell()

    async def play_body(stage: Stage) -> None:
        await stage.receive(post(b"one")[:-1])
        stage.lane.shutdown()
        await stage.receive(b"e")

    async def play_idle(stage: Stage) -> None:
        stage.lane.shutdown()

    for stage in (staged(play), staged(play_body)):
        assert stage.transport.written == answered(b"one", CLOSES)
        assert (stage.desk.bodies, stage.transport.ended) == ([b"one"], "closed")
    assert staged(play_idle).transport.ended == "closed"
