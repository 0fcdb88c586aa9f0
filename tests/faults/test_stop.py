"""SIGTERM: what was begun is answered, endless answers end, and so does the process, with status 0."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from coinslot.stack.servers import RedisServer
from tests.faults.frozen import freeze, wake
from tests.pipeline import PATH, Pipeline, until
from tests.wire import events

EVENT = b'{"timestamp": 1, "_id": "in-flight"}'
POST = f"POST {PATH} HTTP/1.1\r\nHost: t\r\nContent-Type: text/plain\r\nContent-Length: {len(EVENT)}\r\n".encode()
WAYS = {"the lane": b"", "handed over": b"X-Y: z\r\nExpect: 100-continue\r\n"}
ways = pytest.mark.parametrize("field", WAYS.values(), ids=WAYS)
AT_ONCE_S = 2.0  # generous; the server looks ten times a second whether it is to stop
DRAIN_S = 4.0


@pytest.fixture
def front(redis_of_its_own: RedisServer, prefix: str, tmp_path: Path) -> Iterator[Pipeline]:
    environment = {"REDIS_URL": redis_of_its_own.url, "KEY_PREFIX": prefix, "DB_BACKEND": "sqlite"}
    with Pipeline(tmp_path, environment, workers=0) as pipeline:
        yield pipeline


def stopped_s(front: Pipeline) -> float:
    """Seconds until it has ended, as it should."""
    started = time.monotonic()
    until(lambda: not front.front.is_running(), what="its end")
    assert front.front.exit_code() == 0
    return time.monotonic() - started


def connected(front: Pipeline, sent: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", front.port), timeout=20)
    connection.sendall(sent)
    return connection


@ways
def test_a_post_that_waits_for_the_queue_is_answered(
    front: Pipeline, redis_of_its_own: RedisServer, field: bytes
) -> None:
    assert front.post(EVENT, "text/plain").status == 201
    freeze(redis_of_its_own)
    with connected(front, POST + field + b"\r\n" + EVENT) as connection:
        time.sleep(0.3)  # until it waits
        front.front.terminate()
        time.sleep(0.3)  # until the server knows
        wake(redis_of_its_own)
        answer = connection.makefile("rb").read()

    assert b"HTTP/1.1 201 " in answer or b"HTTP/1.1 503 " in answer
    assert b"\r\nconnection: close\r\n" in answer
    assert stopped_s(front) < AT_ONCE_S


@ways
def test_a_body_that_is_on_its_way_may_arrive(front: Pipeline, field: bytes) -> None:
    with connected(front, POST + field + b"\r\n" + EVENT[:-5]) as connection:
        time.sleep(0.3)
        front.front.terminate()
        time.sleep(0.5)
        connection.sendall(EVENT[-5:])
        answer = connection.makefile("rb").read()

    assert b"HTTP/1.1 201 " in answer
    assert b"\r\nconnection: close\r\n" in answer
    assert stopped_s(front) < AT_ONCE_S


@ways
def test_what_does_not_end_is_cut_off(front: Pipeline, field: bytes) -> None:
    with connected(front, POST + field + b"\r\n" + EVENT[:-5]):
        time.sleep(0.3)
        front.front.terminate()

        assert DRAIN_S - 1 < stopped_s(front) < DRAIN_S + AT_ONCE_S


def test_followers_and_those_who_ask_for_nothing_hold_up_nothing(front: Pipeline) -> None:
    with ExitStack() as opened:
        for sent in (b"", b"POST /ws", POST, b"GET /alive HTTP/1.1\r\nHost: t\r\n\r\n", POST + b"\r\n" + EVENT):
            opened.enter_context(connected(front, sent))
        streams = [opened.enter_context(events(front.url)) for _ in range(3)]
        for stream in streams:
            assert stream.frame().event == "cursor"
        front.front.terminate()

        assert stopped_s(front) < AT_ONCE_S
        assert {stream.line() for stream in streams} <= {b"", b"\r\n"}


def test_a_stop_at_any_moment_from_the_first_on_is_a_good_end(front: Pipeline) -> None:
    for delay_s in (0.0, 0.05, 0.2):
        front.front.stop()
        front.front.start()
        until(lambda: listens(front.port), what="it listens")
        time.sleep(delay_s)
        front.front.terminate()

        assert stopped_s(front) < AT_ONCE_S


def test_positive_control_one_that_is_killed_ends_otherwise(front: Pipeline) -> None:
    front.front.kill()

    assert front.front.exit_code() == -signal.SIGKILL


def listens(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0
