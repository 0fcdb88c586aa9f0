"""Many large bodies at once: as many as there is memory for are taken, the others are told to come back."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.memory import Memory
from tests.pipeline import Pipeline, until
from tests.wire import post_head

MIB = 1024 * 1024
BODY = b'{"timestamp": 1, "_id": "large", "text": "%b"}' % (b"x" * (4 * MIB))
UPLOADS = 24
FIT = 4


@contextmanager
def front(folder: Path, redis_url: str, bodies_max_bytes: int) -> Iterator[Pipeline]:
    """A front that takes so many bytes of bodies at once, and events of the size of BODY or nearly."""
    environment = {
        "REDIS_URL": redis_url,
        "KEY_PREFIX": folder.name,
        "DB_BACKEND": "dummy",
        "MAX_BODY_BYTES": str(len(BODY)),
        "BODIES_MAX_BYTES": str(bodies_max_bytes),
        "THREADS": str(UPLOADS + 8),
    }
    pipeline = Pipeline(folder, environment, workers=0).start()
    try:
        yield pipeline
    finally:
        pipeline.stop()


class Uploads:
    """Large POSTs of which all but the last byte is sent."""

    def __init__(self, stack: Pipeline, number: int) -> None:
        self._opened = ExitStack()
        address = ("127.0.0.1", stack.port)
        self._connections = [
            self._opened.enter_context(socket.create_connection(address, timeout=20)) for _ in range(number)
        ]
        for connection in self._connections:
            connection.sendall(post_head(f"Content-Length: {len(BODY)}") + BODY[:-1])

    def answers(self) -> list[bytes]:
        """Send the rest of each; what comes back."""
        for connection in self._connections:
            connection.sendall(BODY[-1:])
        with self._opened:
            return [connection.makefile("rb").read() for connection in self._connections]

    def __enter__(self) -> Uploads:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()


def memory_of_uploads(stack: Pipeline) -> int:
    """How many MiB a front grows by while UPLOADS bodies lie there unfinished, warm from one before."""
    with Uploads(stack, 1) as uploads:
        uploads.answers()
    memory = Memory(stack.front.pid)
    with Uploads(stack, UPLOADS):
        until(lambda: stack.http.request("GET", f"{stack.url}/alive").status == 200)
        return memory.grown_mib()


def test_what_there_is_no_room_for_is_told_to_come_back_and_then_it_is_taken(tmp_path: Path, redis_url: str) -> None:
    with front(tmp_path, redis_url, FIT * len(BODY)) as stack:
        with Uploads(stack, UPLOADS) as uploads:
            small = stack.post(b'{"timestamp": 1}')
            answers = uploads.answers()
        again = stack.post(BODY)

    statuses = [answer.split()[1] for answer in answers]
    refused = [answer for answer in answers if answer.split()[1] == b"503"]
    assert small.status == 201
    # An event is smaller than a body may be, so that what was taken in ends as 413.
    assert (statuses.count(b"413"), statuses.count(b"503")) == (FIT, UPLOADS - FIT)
    assert all(b"retry-after: 1\r\n" in answer and b"are being taken already" in answer for answer in refused)
    assert again.status == 413


def test_many_uploads_at_once_take_no_more_memory_than_was_set_aside(tmp_path: Path, redis_url: str) -> None:
    with front(tmp_path, redis_url, FIT * len(BODY)) as stack:
        grown_mib = memory_of_uploads(stack)

    assert grown_mib < 2 * FIT * len(BODY) // MIB + UPLOADS  # copied once; and what a connection takes


def test_positive_control_without_that_bound_they_take_what_they_are(tmp_path: Path, redis_url: str) -> None:
    with front(tmp_path, redis_url, UPLOADS * len(BODY)) as stack:
        grown_mib = memory_of_uploads(stack)

    assert grown_mib > UPLOADS * len(BODY) // MIB * 0.8
