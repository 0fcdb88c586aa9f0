"""The fast lane: plain POSTs of events go straight from the socket to the desk, past Flask.

A connection of anybody else, and of whoever asks for anything else on it, is handed over to the server that runs
Flask, with what was read of it. Nothing is decided here: the Flask view calls the same intake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from coinslot.server import Opening
from ingest import head
from ingest.answer import Answer, Busy
from ingest.budget import Budget, Share
from ingest.desk import Desk
from ingest.head import Head

BODY_S = 10.0  # for a body, and the time that its length takes at
BODY_MIN_BYTES_PER_S = 16 * 1024
ANSWER_S = 30.0  # to be ready, and then to be read by the client
UNREAD_BYTES = 64 * 1024  # of what comes while a request is being answered; more stays with its sender


class Lane(asyncio.Protocol):
    """One connection: one request at a time, in their order.

    admits: whether this head may pass without a word from anybody. max_bytes: of a body.
    """

    __slots__ = (
        "_admits", "_answering", "_body", "_budget", "_closes", "_desk", "_full", "_head", "_max_bytes", "_opening",
        "_share", "_transport", "_unread",
    )  # fmt: skip

    def __init__(
        self, desk: Desk, budget: Budget, admits: Callable[[Head], bool], max_bytes: int, opening: Opening
    ) -> None:
        self._desk = desk
        self._budget = budget
        self._admits = admits
        self._max_bytes = max_bytes
        self._opening = opening
        self._transport: Any = None
        self._unread = b""
        self._head: Head | None = None  # of the request whose body is being read
        self._body = bytearray()
        self._share: Share = budget.share()
        self._answering = False
        self._full = False  # the client does not read its answers
        self._closes = False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._opening.state.connections.add(self)
        self._opening.deadlines.set(self, self._opening.head_timeout_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._opening.state.connections.discard(self)
        self._opening.deadlines.clear(self)
        if not self._answering:
            self._share.give_back()

    def data_received(self, data: bytes) -> None:
        if self._head is not None:
            self._body += data
            self._read_body(self._head)
        else:
            self._unread = self._unread + data if self._unread else data
        self._go_on()

    def _go_on(self) -> None:
        while self._unread and not (self._answering or self._full or self._head):
            if not self._begin():
                return
        if len(self._unread) > UNREAD_BYTES:
            self._transport.pause_reading()

    def _begin(self) -> bool:
        """Take the request at the beginning of what is unread; False if that has to wait, or is not for us."""
        unread = self._unread
        end = unread.find(b"\r\n\r\n", 0, head.MAX_BYTES) + 4
        if end < 4 and len(unread) < head.MAX_BYTES and unread.startswith(head.START[: len(unread)]):
            return False
        parsed = head.parse(unread[:end])
        if parsed is None or parsed.length > self._max_bytes or not self._admits(parsed):
            return self._hand_over()
        content = unread[end : end + parsed.length]
        try:
            self._share.hold(parsed.length)
        except Busy:
            return self._hand_over()
        if len(content) == parsed.length:
            self._unread = unread[end + parsed.length :]
            self._take(parsed, content)
            return True
        self._head, self._body, self._unread = parsed, bytearray(content), b""
        self._opening.deadlines.set(self, BODY_S + parsed.length / BODY_MIN_BYTES_PER_S)
        return False

    def _read_body(self, head: Head) -> None:
        if len(self._body) >= head.length:
            self._unread = bytes(self._body[head.length :])
            del self._body[head.length :]
            content, self._body, self._head = bytes(self._body), bytearray(), None
            self._take(head, content)

    def _take(self, head: Head, content: bytes) -> None:
        self._answering = True
        self._closes = self._closes or head.closes
        self._opening.deadlines.set(self, ANSWER_S)
        self._desk.take(head, content, self._share, self._tell)

    def _tell(self, answer: Answer) -> None:
        self._answering = False
        self._share.give_back()
        if self._transport.is_closing():
            return
        self._write(answer)
        self._opening.deadlines.set(self, self._opening.head_timeout_s)
        if self._closes:
            self._transport.close()
        elif self._unread:
            self._transport.resume_reading()
            self._go_on()

    def _write(self, answer: Answer) -> None:
        ours = b"".join([b"%b: %b\r\n" % field for field in self._opening.state.default_headers])
        closes = b"Connection: close\r\n" if self._closes else b""
        self._transport.write(b"HTTP/1.1 %b%b%b\r\n%b" % (answer.head.encode(), ours, closes, answer.body))

    def _hand_over(self) -> bool:
        self._opening.state.connections.discard(self)
        self._opening.deadlines.clear(self)
        protocol = self._opening.hand_over()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        self._transport.resume_reading()
        protocol.data_received(self._unread)
        return False

    def pause_writing(self) -> None:
        self._full = True
        self._opening.deadlines.set(self, ANSWER_S)

    def resume_writing(self) -> None:
        self._full = False
        self._opening.deadlines.set(self, self._opening.head_timeout_s)
        self._transport.resume_reading()
        self._go_on()

    def shutdown(self) -> None:
        """The server stops; uvicorn calls it."""
        self._closes = True
        if not self._answering:
            self._transport.close()

    def expire(self) -> None:
        self._transport.abort()
