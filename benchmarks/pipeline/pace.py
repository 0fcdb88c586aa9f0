"""A load at an even pace, as light as it can be: one thread, a few connections that stay open, one event a POST.

An event's time counts from when it was due. If connections are all busy then, that is the server's delay: whoever posts
in truth does not wait for others.
"""

from __future__ import annotations

import selectors
import socket
from collections import deque
from collections.abc import Callable
from time import monotonic_ns
from typing import Self, cast

from benchmarks.benchmark import Invalid

CONNECTIONS = 16
ANSWER_TIMEOUT_S = 5.0
ANSWER_BYTES = 4096
NS = 1_000_000_000
POST = (
    b"POST /wsapi/interaction_data HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
)


class Pace:
    """`event` makes one of its number and of when it is due, in ns of the monotonic clock."""

    def __init__(self, port: int, rate_per_s: int, event: Callable[[int, int], bytes]) -> None:
        self.answers_ns: list[int] = []  # from when an event was due to its answer
        self._pause_ns = NS // rate_per_s
        self._event = event
        self._answers = selectors.DefaultSelector()
        self._free = deque(self._connect(port) for _ in range(CONNECTIONS))
        self._due_ns: dict[socket.socket, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in (*self._free, *self._due_ns):
            connection.close()
        self._answers.close()

    def run(self, events: int) -> int:
        """Post so many, and return when all have been answered; when the first was due. Raises Invalid."""
        began_ns = monotonic_ns()
        for number in range(events):
            due_ns = began_ns + number * self._pause_ns
            self._wait(due_ns)
            self._post(due_ns, self._event(number, due_ns))
        while self._due_ns:
            self._hear_one()
        return began_ns

    def _connect(self, port: int) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_TIMEOUT_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers.register(connection, selectors.EVENT_READ)
        return connection

    def _wait(self, due_ns: int) -> None:
        """Until then, and until a connection is free."""
        left_ns = 1
        while left_ns > 0:
            left_ns = max(0, due_ns - monotonic_ns())
            self._hear(left_ns / NS)
        while not self._free:
            self._hear_one()

    def _post(self, due_ns: int, event: bytes) -> None:
        connection = self._free.popleft()
        connection.sendall(POST % (len(event), event))
        self._due_ns[connection] = due_ns

    def _hear_one(self) -> None:
        if not self._hear(ANSWER_TIMEOUT_S):
            raise Invalid(f"no answer within {ANSWER_TIMEOUT_S:g} s")

    def _hear(self, wait_s: float) -> bool:
        """Whether there was an answer."""
        ready = self._answers.select(wait_s)
        for key, _ in ready:
            connection = cast(socket.socket, key.fileobj)
            answer = connection.recv(ANSWER_BYTES)
            if not answer.startswith(b"HTTP/1.1 201 "):
                raise Invalid(f"a POST was answered {answer[:100]!r}")
            self.answers_ns.append(monotonic_ns() - self._due_ns.pop(connection))
            self._free.append(connection)
        return bool(ready)
