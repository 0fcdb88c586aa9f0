"""HTTP closer to the wire than a client library gets: endless answers line by line, and requests that are wrong."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from http.client import HTTPConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.pipeline import PATH

TIMEOUT_S = 10.0


class Frame(NamedTuple):
    """A server-sent event."""

    event: str
    id: str
    data: Any


class Stream:
    """A follower. Reading waits up to `timeout_s`, then raises TimeoutError; with `with`, it leaves at the end."""

    def __init__(self, url: str, query: str = "", *, timeout_s: float = TIMEOUT_S, **headers: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        self._connection = HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request("GET", f"{PATH}/stream{query}", headers=fields)
        self._response = self._connection.getresponse()
        self.status = self._response.status
        self.headers = self._response.headers

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self._response.close()
        self._connection.close()

    def hang_up(self) -> None:
        """End it from another thread: whoever reads it finds its end."""
        if self._connection.sock:
            with suppress(OSError):  # it has ended already
                self._connection.sock.shutdown(socket.SHUT_RDWR)

    def body(self) -> Any:
        """The JSON of an answer that ends."""
        return json.loads(self._response.read())

    def line(self) -> bytes:
        """One line with its ending; empty at the end of the stream."""
        return self._response.readline()

    def doc(self) -> dict[str, Any]:
        """The event in the next line of JSON."""
        while not (line := self.line()).strip():
            assert line, "the stream has ended"
        doc: dict[str, Any] = json.loads(line)["doc"]
        return doc

    def frame(self) -> Frame:
        """The next server-sent event."""
        fields = {"event": "message", "id": "", "data": ""}
        while (line := self.line()) != b"\n" or not fields["data"]:
            assert line, "the stream has ended"
            name, _, value = line.decode().rstrip("\n").partition(": ")
            fields[name] = value
        return Frame(fields["event"], fields["id"], json.loads(fields["data"]))


def events(url: str, query: str = "", **headers: str) -> Stream:
    """A follower that takes server-sent events."""
    return Stream(url, query, Accept="text/event-stream", **headers)


def post_head(*fields: str, media: str = "application/json") -> bytes:
    """The head of a POST that asks the server to close the connection after it."""
    lines = [f"POST {PATH} HTTP/1.1", "Host: test", "Connection: close", f"Content-Type: {media}", *fields]
    return "\r\n".join([*lines, "", ""]).encode()


def exchange(url: str, sent: bytes, *, hang_up: bool = False) -> bytes:
    """Send these bytes, and then perhaps hang up; return all that comes back, possibly nothing."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port or 80), timeout=TIMEOUT_S) as connection:
        connection.sendall(sent)
        if hang_up:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while more := connection.recv(65536):
                answer += more
        except ConnectionResetError:
            pass  # the server did not care to read the rest
    return answer
