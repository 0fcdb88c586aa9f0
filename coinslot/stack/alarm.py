"""A sleep that ends when something has happened, so that nobody has to look every moment."""

from __future__ import annotations

import select
import signal
import socket
from contextlib import ExitStack, suppress
from typing import Self


class Alarm:
    """`with` it, in the main thread. It rings when a child ends; `ring` it from any thread or signal handler."""

    def __init__(self) -> None:
        self._opened = ExitStack()
        self._ears: socket.socket | None = None
        self._bell: socket.socket | None = None

    def __enter__(self) -> Self:
        self._ears, self._bell = (self._opened.enter_context(each) for each in socket.socketpair())
        for each in (self._ears, self._bell):
            each.setblocking(False)
        self._opened.callback(signal.signal, signal.SIGCHLD, signal.signal(signal.SIGCHLD, lambda *_: self.ring()))
        return self

    def __exit__(self, *_: object) -> None:
        self._ears = self._bell = None
        self._opened.close()

    def ring(self) -> None:
        """End the sleep under way, or else the next one."""
        if bell := self._bell:
            with suppress(OSError):  # it has rung so often that no more fits in, or is closed by now
                bell.send(b"!")

    def sleep(self, seconds: float) -> None:
        """Until it rings, or for so long."""
        assert self._ears
        # A signal does not end the select itself; what its handler sends does.
        select.select([self._ears], [], [], seconds)
        with suppress(BlockingIOError):
            self._ears.recv(4096)
