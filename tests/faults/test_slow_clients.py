"""Slow clients of a front without a gateway: what they hold up, and what they do not."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from coinslot.server import BODY_BYTES
from tests.pipeline import PATH, Pipeline, until
from tests.wire import post_head

MIB = 1024 * 1024
SLOW_CLIENTS = 500
HEADER = f"POST {PATH} HTTP/1.1\r\nHost: t\r\nX-Slow: ".encode()
BODY = f"POST {PATH} HTTP/1.1\r\nHost: t\r\nContent-Length: 9000\r\n\r\n{{".encode()
EVENT = b'{"timestamp": 1}'


@contextmanager
def running(folder: Path, redis_url: str, module: str = "front", **environment: str) -> Iterator[Pipeline]:
    pipeline = Pipeline(
        folder, {"REDIS_URL": redis_url, "KEY_PREFIX": folder.name, "DB_BACKEND": "dummy", **environment}, workers=0
    )
    pipeline.front = pipeline.process(module, PORT=str(pipeline.port))
    try:
        yield pipeline.start()
    finally:
        pipeline.stop()


def opened(stack: Pipeline, number: int, sent: bytes, connections: ExitStack) -> list[socket.socket]:
    made = []
    for _ in range(number):
        made.append(connections.enter_context(socket.create_connection(("127.0.0.1", stack.port), timeout=10)))
        made[-1].sendall(sent)
    return made


@pytest.fixture(scope="module")
def front(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with running(tmp_path_factory.mktemp("front"), redis_url) as stack:
        yield stack


KINDS = {"slow": HEADER, "silent": b"", "idle": b"GET /alive HTTP/1.1\r\nHost: t\r\n\r\n"}


@pytest.mark.parametrize("sent", KINDS.values(), ids=KINDS)
def test_connections_without_a_whole_header_hold_up_nobody(front: Pipeline, sent: bytes) -> None:
    with ExitStack() as connections:
        opened(front, SLOW_CLIENTS, sent, connections)

        # Within less time than they are given.
        assert front.http.request("GET", f"{front.url}/alive", timeout=5).status == 200
        assert front.post(EVENT).status == 201


IMPATIENT = "tests.faults.impatient_front"
SHORT_OF_ROOM = {"BODIES_MAX_BYTES": str(8 * MIB), "FOLLOWERS_MAX": "10"}
ROOM = 8 * MIB // (64 * 1024) + 10 + 100  # as docs/deployment.md says
FEW = 5


def test_beyond_the_connections_that_it_has_room_for_others_are_told_so_until_the_slow_are_cut_off(
    tmp_path: Path, redis_url: str
) -> None:
    with running(tmp_path, redis_url, IMPATIENT, **SHORT_OF_ROOM) as stack, ExitStack() as connections:
        stack.http.clear()
        slow = opened(stack, ROOM + FEW, HEADER, connections)
        refused = stack.http.request("GET", f"{stack.url}/alive")

        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        assert refused.json() == {"error": {"what": "too many connections"}}
        assert until(lambda: stack.answers("/alive"), what="the slow are cut off")
        assert {connection.recv(12) for connection in slow} == {b"", b"HTTP/1.1 503"}


def test_positive_control_for_a_few_less_there_is_room(tmp_path: Path, redis_url: str) -> None:
    with running(tmp_path, redis_url, **SHORT_OF_ROOM) as stack, ExitStack() as connections:
        stack.http.clear()
        opened(stack, ROOM - FEW, HEADER, connections)

        assert stack.http.request("GET", f"{stack.url}/alive").status == 200


@pytest.mark.parametrize("route", ["the lane", "handed over", "api"])
def test_slow_bodies_hold_up_nobody_and_are_cut_off(tmp_path: Path, redis_url: str, route: str) -> None:
    sent = {
        "the lane": BODY,
        "handed over": BODY.replace(b"Host: t", b"Host: t\r\nExpect: 100-continue"),
        "api": BODY.replace(PATH.encode(), b"/erasures"),
    }[route]
    with running(tmp_path, redis_url, IMPATIENT, THREADS="4") as stack, ExitStack() as connections:
        slow = opened(stack, SLOW_CLIENTS, sent, connections)
        started = time.monotonic()
        statuses = [stack.post(EVENT).status, stack.http.request("GET", f"{stack.url}/alive").status]
        held_up_s = time.monotonic() - started
        last_words = {connection.makefile("rb").read() for connection in slow[-20:]}

    assert statuses == [201, 200]
    assert held_up_s < 1  # as long as they are given
    assert all(b"201" not in words for words in last_words)
    assert route != "the lane" or all(words.startswith(b"HTTP/1.1 408 ") for words in last_words)


def test_a_body_may_take_its_time_as_long_as_it_comes(tmp_path: Path, redis_url: str) -> None:
    body = b'{"timestamp": 1, "text": "%b"}' % (b"x" * 9 * BODY_BYTES)
    with running(tmp_path, redis_url, IMPATIENT, MAX_EVENT_BYTES=str(2 * MIB)) as stack, ExitStack() as connections:
        head = post_head(f"Content-Length: {len(body)}")
        by_lane, handed_over = (
            opened(stack, 1, sent, connections)[0]
            for sent in (head, head.replace(b"Host", b"Expect: 100-continue\r\nHost"))
        )
        for start in range(0, len(body), BODY_BYTES):
            time.sleep(0.3)  # 3 s in all; 1 s is what so much of it may take
            for connection in (by_lane, handed_over):
                connection.sendall(body[start : start + BODY_BYTES])

        answers = [connection.makefile("rb").read() for connection in (by_lane, handed_over)]

    assert b"HTTP/1.1 201 " in answers[0]
    assert b"HTTP/1.1 201 " in answers[1]


def test_who_does_not_read_his_answers_is_cut_off(tmp_path: Path, redis_url: str) -> None:
    post = BODY.partition(b"\r\n\r\n")[0].replace(b"9000", b"%d" % len(EVENT)) + b"\r\n\r\n" + EVENT
    page = b"GET / HTTP/1.1\r\nHost: t\r\n\r\n"
    with running(tmp_path, redis_url, IMPATIENT) as stack:
        for request in (post, page):
            with socket.socket() as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.connect(("127.0.0.1", stack.port))
                connection.settimeout(30)

                with pytest.raises(ConnectionError):
                    while True:
                        connection.sendall(request * 50)
        assert stack.post(EVENT).status == 201
