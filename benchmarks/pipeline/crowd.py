"""Thousands of followers in one process, as light as they can be: what comes is looked through, and never parsed.

Each event that is fed must hold MARK once, and nothing else that a follower is sent may. The network cannot cut one
byte in two, so the marks are the deliveries.
"""

from __future__ import annotations

import select
import socket
import time
from typing import Self

from benchmarks.benchmark import Invalid

MARK = b"~"
PATH = "/wsapi/interaction_data/stream"
RECEIVE_BYTES = 256 * 1024
CONNECT_AT_ONCE = 100  # fewer than a server keeps waiting


class Crowd:
    """`deliveries` counts what all of them have received; `gone` are those that the server let go."""

    def __init__(self, port: int) -> None:
        self.deliveries = 0
        self.gone = 0
        self._port = port
        self._poll = select.epoll()
        self._followers: dict[int, socket.socket] = {}
        self._buffer = bytearray(RECEIVE_BYTES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for follower in self._followers.values():
            follower.close()
        self._poll.close()

    def __len__(self) -> int:
        return len(self._followers)

    def join(self, followers: int, timeout_s: float) -> None:
        """So many more follow, each from the first change after this on. Raises Invalid."""
        deadline = time.monotonic() + timeout_s
        while followers > 0:
            batch = [self._connect() for _ in range(min(followers, CONNECT_AT_ONCE))]
            for follower in batch:
                self._begin(follower, deadline)
            followers -= len(batch)

    def receive(self, deliveries: int, timeout_s: float) -> None:
        """Return when there were so many more. Raises Invalid if they do not come in time, or a follower is let go."""
        until, deadline = self.deliveries + deliveries, time.monotonic() + timeout_s
        while self.deliveries < until:
            left_s = deadline - time.monotonic()
            if left_s <= 0 or self.gone:
                missing = until - self.deliveries
                raise Invalid(f"{missing} of {deliveries} deliveries are missing, {self.gone} followers are gone")
            for fd, _ in self._poll.poll(left_s):
                self._take(fd)

    def _connect(self) -> socket.socket:
        follower = socket.create_connection(("127.0.0.1", self._port), timeout=5)
        follower.sendall(b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n" % PATH.encode())
        return follower

    def _begin(self, follower: socket.socket, deadline: float) -> None:
        follower.settimeout(max(0.001, deadline - time.monotonic()))
        told = b""
        while b"event: cursor" not in told:
            piece = follower.recv(RECEIVE_BYTES)
            told += piece
            if not piece:
                raise Invalid(f"a follower was answered {told[:200]!r}")
        follower.setblocking(False)
        self._followers[follower.fileno()] = follower
        self._poll.register(follower, select.EPOLLIN)

    def _take(self, fd: int) -> None:
        try:
            size = self._followers[fd].recv_into(self._buffer)
        except BlockingIOError:
            return
        except ConnectionError:
            size = 0
        if size == 0:
            self._let_go(fd)
        self.deliveries += self._buffer.count(MARK, 0, size)

    def _let_go(self, fd: int) -> None:
        self.gone += 1
        self._poll.unregister(fd)
        self._followers.pop(fd).close()
