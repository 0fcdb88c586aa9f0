"""A connection on a transport that is made up: pipelining, refusals in their turn, deadlines, and the end."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from coinslot.server.connection import MAX_PIPELINED, Connection
from coinslot.server.deadlines import BODY_BYTES, Patience
from tests.connections import Transport, Waits

PATIENCE = Patience(head_s=1, body_s=2, unread_s=3, linger_s=4)


class Stage:
    """A connection whose application tells what it was asked for; `/slow` not before it may."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.bodies: list[bytes] = []
        self.fields: list[dict[bytes, bytes]] = []
        self.disconnected = 0
        self.may = asyncio.Event()
        self.waits, self.transport = Waits(), Transport()
        config = Config(self.app, interface="asgi3", log_config=None, log_level="critical", ws="none")
        context = {"config": config, "server_state": ServerState(), "app_state": {}}
        self.connection = Connection(self.waits, PATIENCE, **context, _loop=asyncio.get_running_loop())  # type: ignore[arg-type]
        self.connection.connection_made(self.transport)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(scope["path"])
        self.fields.append(dict(scope["headers"]))
        if scope["path"] == "/slow":
            await self.may.wait()
        if scope["path"] == "/read":
            body, more = b"", True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    self.disconnected += 1
                    return
                body, more = body + message["body"], message["more_body"]
            self.bodies.append(body)
        path = scope["path"].encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(path))]})
        await send({"type": "http.response.body", "body": path})

    async def receive(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.connection.data_received(piece)
            await self.turn()

    async def turn(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    @property
    def wait_s(self) -> float | None:
        return self.waits.until.get(self.connection)

    def statuses(self) -> list[int]:
        return [int(status) for status in re.findall(rb"HTTP/1.1 (\d+) ", self.transport.written)]


def staged(play: Any) -> Stage:
    async def run() -> Stage:
        stage = Stage()
        await play(stage)
        await stage.turn()
        return stage

    return asyncio.run(run())


def get(path: bytes = b"/x", *fields: bytes) -> bytes:
    return b"\r\n".join([b"GET %b HTTP/1.1" % path, b"Host: t", *fields, b"", b""])


def post(body: bytes, path: bytes = b"/read", *fields: bytes) -> bytes:
    return get(path, b"Content-Length: %d" % len(body), *fields).replace(b"GET", b"POST") + body


NONSENSE = b"no HTTP at all\r\n\r\n"


def test_requests_in_a_row_are_answered_in_their_order() -> None:
    async def play(stage: Stage) -> None:
        await stage.receive(get(b"/slow") + get(b"/one") + post(b"body") + get(b"/two"))
        assert stage.transport.written == b""
        stage.may.set()
        for _ in range(5):
            await stage.turn()

    stage = staged(play)
    assert stage.asked == ["/slow", "/one", "/read", "/two"]
    assert stage.bodies == [b"body"]
    assert re.findall(rb"/\w+(?=HTTP|$)", stage.transport.written) == [b"/slow", b"/one", b"/read", b"/two"]


def test_beyond_so_many_in_a_row_it_answers_those_and_ends() -> None:
    async def play(stage: Stage) -> None:
        await stage.receive(get(b"/slow") + get() * (MAX_PIPELINED + 1000), get() * 1000)
        assert len(stage.connection.pipeline) == MAX_PIPELINED
        stage.may.set()
        for _ in range(2 * MAX_PIPELINED):
            await stage.turn()

    stage = staged(play)
    assert stage.statuses() == [200] * (1 + MAX_PIPELINED)
    assert stage.transport.written.count(b"connection: close") == 1
    assert stage.transport.ended == "half-closed"


def test_what_is_no_http_is_told_after_the_answers_before_it() -> None:
    alone = staged(lambda stage: stage.receive(NONSENSE))

    async def play(stage: Stage) -> None:
        await stage.receive(get(b"/slow") + NONSENSE + get())
        stage.may.set()

    behind = staged(play)
    assert (alone.statuses(), alone.transport.ended) == ([400], "half-closed")
    assert (behind.statuses(), behind.asked, behind.transport.ended) == ([200], ["/slow"], "half-closed")


BAD_CHUNK = get(b"/read", b"Transfer-Encoding: chunked").replace(b"GET", b"POST") + b"nonsense\r\n"


def test_a_body_that_goes_wrong_is_400_and_to_whoever_reads_it_its_sender_has_left() -> None:
    stage = staged(lambda stage: stage.receive(BAD_CHUNK[:-10], BAD_CHUNK[-10:] + get()))

    assert (stage.statuses(), stage.asked, stage.disconnected) == ([400], ["/read"], 1)
    assert stage.transport.ended == "half-closed"


def test_a_body_that_goes_wrong_while_it_waits_its_turn_is_400_in_its_turn() -> None:
    async def play(stage: Stage) -> None:
        await stage.receive(get(b"/slow") + BAD_CHUNK)
        stage.may.set()

    stage = staged(play)
    assert (stage.statuses(), stage.asked, stage.transport.ended) == ([200, 400], ["/slow"], "half-closed")


def test_a_request_that_ends_too_early_is_400() -> None:
    for sent in (get()[:-5], post(b"body")[:-1]):

        async def play(stage: Stage, sent: bytes = sent) -> None:
            await stage.receive(sent)
            stage.connection.eof_received()

        stage = staged(play)
        assert stage.statuses() == [400]
        assert b"before it was whole" in stage.transport.written
        assert stage.bodies == []


def test_a_trailer_is_no_header() -> None:
    sent = get(b"/read", b"Transfer-Encoding: chunked").replace(b"GET", b"POST")
    trailer = b"1\r\nx\r\n0\r\nAuthorization: Bearer x\r\n\r\n"

    stage = staged(lambda stage: stage.receive(sent + trailer + get(b"/next")))

    assert stage.asked == ["/read", "/next"]
    assert not any(b"authorization" in fields for fields in stage.fields)


def test_a_name_with_an_underscore_is_passed_over() -> None:
    stage = staged(lambda stage: stage.receive(get(b"/x", b"X_User: root", b"X-User: nobody")))

    assert stage.fields == [{b"host": b"t", b"x-user": b"nobody"}]


def test_after_an_upgrade_that_is_not_made_nothing_is_heard() -> None:
    sent = get(b"/x", b"Connection: Upgrade", b"Upgrade: h2c")

    stage = staged(lambda stage: stage.receive(sent + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", get()))

    assert (stage.statuses(), stage.asked) == ([200], ["/x"])
    assert stage.transport.ended == "half-closed"


def test_an_answer_to_a_body_that_is_still_coming_does_not_break_off_its_sender() -> None:
    async def play(stage: Stage) -> None:
        await stage.receive(post(b"x" * 1000, b"/x", b"Connection: close")[:-500])
        assert stage.statuses() == [200]
        assert (stage.transport.ended, stage.wait_s) == ("half-closed", PATIENCE.linger_s)
        await stage.receive(b"x" * 500, get())
        stage.connection.expire()

    stage = staged(play)
    assert (stage.statuses(), stage.transport.ended) == ([200], "aborted")


def test_positive_control_to_one_that_has_come_it_is_closed() -> None:
    stage = staged(lambda stage: stage.receive(post(b"x" * 1000, b"/x", b"Connection: close")))

    assert stage.transport.ended == "closed"


def test_each_of_its_waits_has_an_end() -> None:
    async def play(stage: Stage) -> None:
        assert stage.wait_s == PATIENCE.head_s
        await stage.receive(post(b"body")[:-1])
        assert stage.wait_s == PATIENCE.body_s
        await stage.receive(b"y")
        assert stage.statuses() == [200]
        assert stage.wait_s == PATIENCE.head_s
        await stage.receive(b"\r\n")
        assert stage.wait_s == PATIENCE.head_s
        await stage.receive(get(b"/slow"))
        assert stage.wait_s is None  # for us
        stage.connection.pause_writing()
        assert stage.wait_s == PATIENCE.unread_s
        stage.connection.resume_writing()
        stage.may.set()

    stage = staged(play)
    assert stage.wait_s == PATIENCE.head_s


def test_a_body_that_comes_has_its_time_again_for_each_so_much_of_it() -> None:
    async def play(stage: Stage) -> None:
        sent = post(b"x" * 3 * BODY_BYTES)
        await stage.receive(sent[:200])
        for _ in range(2):
            stage.waits.until.clear()
            await stage.receive(b"x" * (BODY_BYTES + 1))
            assert stage.wait_s == PATIENCE.body_s
        stage.waits.until.clear()
        await stage.receive(b"x")
        assert stage.wait_s is None

    staged(play)


@pytest.mark.parametrize(("sent", "ended"), [(get(), "closed"), (get() + b"G", "closed"), (b"GE", "aborted")])
def test_whoever_is_late_is_let_go(sent: bytes, ended: str) -> None:
    async def play(stage: Stage) -> None:
        await stage.receive(sent)
        stage.connection.expire()

    assert staged(play).transport.ended == ended


def test_http_1_0_gets_an_answer_of_unknown_length_without_chunks() -> None:
    async def play(stage: Stage) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for piece in (b"one", b"two"):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

        stage.connection.app = app
        await stage.receive(get().replace(b"1.1", b"1.0"))

    stage = staged(play)
    head, _, body = stage.transport.written.partition(b"\r\n\r\n")
    assert body == b"onetwo"
    assert b"chunked" not in head and b"connection: close" in head
    assert stage.transport.ended == "closed"
