"""The pipes to and from a sender (sender.py), the process that sends events to one gRPC target."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Sequence
from time import monotonic

import msgspec

from coinslot.integration.source import Event


class Pipe:
    """A sender, from its start to its end. For one thread. Each wait is as long as it is said to be.

    Raises BrokenPipeError once the sender is gone.
    """

    def __init__(self, command: Sequence[str]) -> None:
        # In a session of its own: what ends the worker by Ctrl-C is not to end this before it is told.
        self._process = subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdin and self._process.stdout
        self._to, self._from = self._process.stdin, self._process.stdout
        os.set_blocking(self._to.fileno(), False)
        os.set_blocking(self._from.fileno(), False)
        self._poll = select.poll()
        self._poll.register(self._to, select.POLLOUT)
        self._to_write = memoryview(b"")
        self._read = b""
        self.unsent = 0  # of what was put

    def put(self, events: Sequence[Event]) -> None:
        """To be written; only when `is_written`."""
        self._to_write = memoryview(msgspec.json.encode(events) + b"\n")
        self.unsent += len(events)

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def is_written(self) -> bool:
        return not self._to_write

    def write(self, timeout_s: float) -> None:
        """Writes what the sender takes, which may be nothing."""
        if self._poll.poll(timeout_s * 1000):
            self._to_write = self._to_write[self._to.write(self._to_write) or 0 :]

    def take_sent(self) -> int:
        """How many were sent since this was last asked, as the sender says; it says so about twice a second."""
        *lines, self._read = (self._read + (self._from.read() or b"")).split(b"\n")
        sent = sum(map(int, lines))
        self.unsent -= sent
        return sent

    def close(self, by: float) -> int:
        """Has the sender send what it got, until `by` (monotonic); returns how many more it sent. It is gone then."""
        self._to.close()
        try:
            self._process.wait(max(0.0, by - monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        sent = self.take_sent()
        self._from.close()
        return sent
