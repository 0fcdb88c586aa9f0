"""A server that gives the answers it was told to, for what no real one does on demand."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, urlsplit


class Request(NamedTuple):
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """`then` is what follows the body: its proper end, a broken connection, or silence until the server stops.

    Status 0 breaks the connection before a word is said.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    then: Literal["end", "break", "silence"] = "end"


@dataclass
class Canned:
    """The answers still to be given, one a request, and the requests that came."""

    url: str
    answers: list[Answer]
    requests: list[Request] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def canned(*answers: Answer) -> Iterator[Canned]:
    """Serve on a free port; requests beyond the last answer get 500."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.canned = Canned(f"http://127.0.0.1:{server.server_port}", list(answers))  # type: ignore[attr-defined]
    with serving(server):
        try:
            yield server.canned  # type: ignore[attr-defined]
        finally:
            server.canned.stopped.set()  # type: ignore[attr-defined]


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[None]:
    """In a thread of its own."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_GET(self) -> None:
        told: Canned = self.server.canned  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        query, headers = dict(parse_qsl(parts.query)), {k.lower(): v for k, v in self.headers.items()}
        with told.lock:
            told.requests.append(Request(self.command, parts.path, query, headers, body))
            answer = told.answers.pop(0) if told.answers else Answer(status=500)
        if answer.status:
            self._answer(answer)
        self.close_connection = self.close_connection or answer.then != "end" or not answer.status
        if answer.then == "silence":
            told.stopped.wait(30)

    do_POST = do_GET

    def _answer(self, answer: Answer) -> None:
        self.send_response(answer.status)
        has_body = answer.status != HTTPStatus.NO_CONTENT
        for name, value in {**({"Transfer-Encoding": "chunked"} if has_body else {}), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if answer.body:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(answer.body), answer.body))
        if has_body and answer.then == "end":
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: the test's own output is what matters."""
