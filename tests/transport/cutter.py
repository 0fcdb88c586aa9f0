"""A wire to a server that can be cut: before a request has arrived, before its reply has, or while nothing is said."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from typing import Literal, Self

from coinslot.ports import LOOPBACK

CHUNK_BYTES = 1 << 16
TICK_S = 0.5  # how soon a thread sees that all is over

Lost = Literal["request", "reply"]


class Cutter:
    """Listens on `port` of loopback and passes everything on to a server, for clients that ask one thing at a time."""

    def __init__(self, server_port: int) -> None:
        self._server = (LOOPBACK, server_port)
        self._listener = socket.create_server((LOOPBACK, 0))
        self._listener.settimeout(TICK_S)
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._passed = 0  # requests until the cut
        self._lost: Lost | None = None
        self._open: dict[threading.Thread, socket.socket] = {}
        self._over = threading.Event()
        self._listening = threading.Thread(target=self._listen, name="cutter")

    def __enter__(self) -> Self:
        self._listening.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listening.join()
        self._listener.close()
        self.sever()

    def sever(self) -> None:
        """Cut all connections that there are."""
        for thread, client in list(self._open.items()):
            with contextlib.suppress(OSError):  # it has been cut meanwhile
                client.shutdown(socket.SHUT_RDWR)
            thread.join()

    def arm(self, after_requests: int, lost: Lost) -> None:
        """Cut the wire once so many more requests were answered: at the one that follows, whoever sends it."""
        with self._lock:
            self._passed, self._lost = after_requests, lost

    def disarm(self) -> bool:
        """Whether the wire was cut since it was armed."""
        with self._lock:
            was_cut, self._lost = self._lost is None, None
        return was_cut

    def _cuts(self) -> Lost | None:
        """What the request that has just come loses."""
        with self._lock:
            if self._lost is None:
                return None
            if self._passed:
                self._passed -= 1
                return None
            lost, self._lost = self._lost, None
            return lost

    def _listen(self) -> None:
        while not self._over.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=self._pass_on, args=[client], name="cutter")
            self._open[thread] = client
            thread.start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._server) as server:
            self._relay(client, server)
        del self._open[threading.current_thread()]

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asks, lost = False, None
        while not self._over.is_set():
            ready, _, _ = select.select([client, server], [], [], TICK_S)
            for source in ready:
                try:
                    data = source.recv(CHUNK_BYTES)
                except ConnectionError:
                    data = b""
                if source is client and not asks:  # else it is the rest of a long request
                    asks, lost = True, self._cuts() if data else None
                if not data or lost == "request" or (lost and source is server):
                    return
                asks = asks and source is client
                (server if source is client else client).sendall(data)
