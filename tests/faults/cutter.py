"""A proxy that cuts connections in the middle of whatever is being said."""

from __future__ import annotations

import random
import socket
import threading
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

PIECE_BYTES = 4096
TIMEOUT_S = 60.0  # longer than a stream is silent


class Cutter:
    """Stands before a server, at `url`; with `with`. Each connection ends after so many bytes of the answer, at random
    between `least_bytes` and `most_bytes`, in both directions and without a farewell. `heal` it, and none does.
    """

    def __init__(self, url: str, *, least_bytes: int = 1, most_bytes: int = 20_000, seed: int = 1) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname, parts.port)
        self._bounds = (least_bytes, most_bytes)
        self._random = random.Random(seed)
        self._healed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.cuts = 0

    def heal(self) -> None:
        self._healed.set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="cutter", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), name="cut", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(self._server, TIMEOUT_S) as server:
            client.settimeout(TIMEOUT_S)
            asking = threading.Thread(target=self._pass_on, args=(client, server), daemon=True)
            asking.start()
            self._answer(server, client)
            for each in (client, server):
                each.shutdown(socket.SHUT_RDWR)  # wakes the one who asks
            asking.join(TIMEOUT_S)

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):  # cut
            while piece := source.recv(PIECE_BYTES):
                sink.sendall(piece)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        left = self._random.randint(*self._bounds)
        while left > 0 and (piece := server.recv(PIECE_BYTES)):
            client.sendall(piece[:left] if not self._healed.is_set() else piece)
            left -= len(piece) if not self._healed.is_set() else 0
        self.cuts += left <= 0
