"""Slow clients of a front without a gateway: what they hold up, and what they do not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import urllib3

from coinslot.server import CONNECTIONS_PER_THREAD
from tests.pipeline import PATH, Pipeline, until

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
    front.http.clear()  # it kept a connection, which was accepted before the others
    with ExitStack() as connections:
        opened(front, SLOW_CLIENTS, sent, connections)

        # Within less time than they are given.
        assert front.http.request("GET", f"{front.url}/alive", timeout=5).status == 200
        assert front.post(EVENT).status == 201


def test_beyond_the_connections_it_accepts_others_wait_until_the_slow_are_cut_off(
    tmp_path: Path, redis_url: str
) -> None:
    with (
        running(tmp_path, redis_url, "tests.faults.impatient_front", THREADS="4") as stack,
        ExitStack() as connections,
    ):
        stack.http.clear()
        slow = opened(stack, 4 * CONNECTIONS_PER_THREAD, HEADER, connections)
        with pytest.raises(urllib3.exceptions.ReadTimeoutError):
            stack.http.request("GET", f"{stack.url}/alive", timeout=0.3)

        assert stack.http.request("GET", f"{stack.url}/alive").status == 200
        assert {connection.recv(12) for connection in slow} <= {b"", b"HTTP/1.1 408"}


def test_slow_bodies_hold_a_thread_each_until_they_end(tmp_path: Path, redis_url: str) -> None:
    """Known, and why docs/deployment.md wants a gateway: the web server sets no limit to how long a body takes."""
    with (
        running(tmp_path, redis_url, THREADS="4") as stack,
        ExitStack() as connections,
        ThreadPoolExecutor(1) as thread,
    ):
        slow = opened(stack, 3, BODY, connections)
        assert stack.post(EVENT).status == 201
        slow += opened(stack, 1, BODY, connections)
        waiting = until(lambda: held_up(thread.submit(stack.post, EVENT)), what="all threads are held")

        slow[0].close()

        assert waiting.result(timeout=10).status == 201


def held_up(post: Future[urllib3.BaseHTTPResponse]) -> Future[urllib3.BaseHTTPResponse] | None:
    """The POST, if it is not answered for a while."""
    return post if wait([post], timeout=0.5).not_done else None
