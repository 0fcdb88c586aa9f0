"""A network that fails on command: a TCP proxy that cuts, delays, swallows, and loses replies."""

from __future__ import annotations

import contextlib
import random
import re
import socket
import threading
from collections.abc import Callable
from typing import Self
from urllib.parse import urlsplit

from coinslot.ports import LOOPBACK

CHUNK_BYTES = 64 * 1024
CONNECT_TIMEOUT_S = JOIN_TIMEOUT_S = 5.0


class Loss:
    """Of the replies that match `reply`, to requests that hold `request`, a `share` by chance never arrives.

    The server has done what it was asked by then; its client sees the connection end. After `times` nothing is lost.
    """

    def __init__(self, request: bytes, reply: bytes, share: float, times: int) -> None:
        self.lost = 0
        self.request = request
        self._reply = re.compile(reply)
        self._share = share
        self._times = times
        self._random = random.Random(1)
        self._lock = threading.Lock()

    def takes(self, reply: bytes) -> bool:
        with self._lock:
            taken = bool(self._reply.match(reply)) and self.lost < self._times and self._random.random() < self._share
            self.lost += taken
            return taken


class Wire:
    """What a connection goes through. `requests` and `replies` pass while they are set, and `delay_s` later."""

    def __init__(self) -> None:
        self.requests, self.replies = threading.Event(), threading.Event()
        self.delay_s = 0.0
        self.open()

    def open(self) -> None:
        self.requests.set()
        self.replies.set()


class Link:
    """One client's connection, and the one to the server that belongs to it."""

    def __init__(self, client: socket.socket, server: socket.socket, wire: Wire, losses: list[Loss]) -> None:
        self._client, self._server = client, server
        self._wire = wire
        self._losses = losses
        self._awaited: Loss | None = None
        pumps = (self._pass_requests, self._pass_replies)
        self._threads = [threading.Thread(target=self._run, args=(pump,), daemon=True) for pump in pumps]
        for thread in self._threads:
            thread.start()

    def cut(self) -> None:
        for end in (self._client, self._server):
            with contextlib.suppress(OSError):  # it has ended already
                end.shutdown(socket.SHUT_RDWR)

    def is_alive(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def close(self) -> None:
        self.cut()
        for thread in self._threads:
            thread.join(JOIN_TIMEOUT_S)
        self._client.close()
        self._server.close()

    def _run(self, pump: Callable[[], None]) -> None:
        with contextlib.suppress(OSError):  # one of the two is gone
            pump()
        self.cut()

    def _pass_requests(self) -> None:
        while data := self._client.recv(CHUNK_BYTES):
            # Held up, it arrives late, even if its sender has long given up: so does what TCP sends again.
            self._wire.requests.wait()
            self._awaited = next((loss for loss in self._losses if loss.request in data), self._awaited)
            self._server.sendall(data)

    def _pass_replies(self) -> None:
        pause = threading.Event()
        while data := self._server.recv(CHUNK_BYTES):
            self._wire.replies.wait()
            pause.wait(self._wire.delay_s)
            awaited, self._awaited = self._awaited, None
            if awaited is not None and awaited.takes(data):
                return
            self._client.sendall(data)


class Proxy:
    """Stands before the server of a URL; `with` it, use its `url`. All passes until something else is said."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname or LOOPBACK, parts.port or 0)
        self._listener = socket.create_server((LOOPBACK, 0))
        self.url = parts._replace(netloc=f"{LOOPBACK}:{self._listener.getsockname()[1]}").geturl()
        self._wire = Wire()
        self._wires = [self._wire]
        self._losses: list[Loss] = []
        self._links: list[Link] = []
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)

    def lose(self, *losses: Loss) -> None:
        self._losses[:] = losses

    def delay(self, delay_s: float) -> None:
        """Every reply comes so much later."""
        self._wire.delay_s = delay_s

    def cut(self) -> None:
        for link in list(self._links):
            link.cut()

    def swallow(self, *, requests: bool = True, replies: bool = True) -> None:
        """A black hole: connections are taken, and nothing passes any more, in one or both directions."""
        for passes, swallowed in ((self._wire.requests, requests), (self._wire.replies, replies)):
            if swallowed:
                passes.clear()

    def heal(self, *, late: bool = True) -> None:
        """All passes again. What was held up arrives late, or, if not `late`, the connections of before stay silent."""
        if late:
            self._wire.open()
        else:
            self._wire = Wire()
            self._wires.append(self._wire)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(JOIN_TIMEOUT_S)
        self._listener.close()
        for wire in self._wires:
            wire.open()
        for link in self._links:
            link.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # it was shut down
            try:
                server = socket.create_connection(self._server, CONNECT_TIMEOUT_S)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._forget_ended()
            self._links.append(Link(client, server, self._wire, self._losses))

    def _forget_ended(self) -> None:
        for link in [link for link in self._links if not link.is_alive()]:
            self._links.remove(link)
            link.close()
