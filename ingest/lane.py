"""The fast lane: plain POSTs of events go straight from the socket to the desk, past Flask.

A connection of anybody else, and of whoever asks for anything else on it, is handed over to the server that runs
Flask, with what was read of it. Nothing is decided here: the Flask view calls the same intake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from coinslot.server import BODY_BYTES, Opening
from ingest import body, head
from ingest.answer import Answer, Busy, Refused
from ingest.budget import FREE_BYTES, Budget, Share
from ingest.desk import Desk
from ingest.head import Head

ANSWER_S = 30.0  # to be ready
UNREAD_BYTES = FREE_BYTES  # of what comes while a request is being answered; more stays with its sender


class Lane(asyncio.Protocol):
    """One connection: one request at a time, in their order.

    desks: one a path. admits: whether this head may pass without a word from anybody. max_bytes: of a body.
    """

    __slots__ = (
        "_admits", "_answering", "_body", "_body_due", "_budget", "_closes", "_desks", "_ended", "_full", "_head",
        "_max_bytes", "_opening", "_share", "_transport", "_unread",
    )  # fmt: skip

    def __init__(
        self,
        desks: Mapping[str, Desk],
        budget: Budget,
        admits: Callable[[Head], bool],
        max_bytes: int,
        opening: Opening,
    ) -> None:
        self._desks = desks
        self._budget = budget
        self._admits = admits
        self._max_bytes = max_bytes
        self._opening = opening
        self._transport: Any = None
        self._unread = b""
        self._head: Head | None = None  # of the request whose body is being read
        self._body = bytearray()
        self._body_due = 0  # at so many bytes its deadline is set anew
        self._share: Share = budget.share()  # of the request, until its answer is written
        self._answering = False
        self._full = False  # the client does not read its answers
        self._closes = False
        self._ended = False  # the client sends no more

    # The transport's calls

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._opening.state.connections.add(self)
        self._opening.deadlines.set(self, self._opening.patience.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._opening.state.connections.discard(self)
        self._opening.deadlines.clear(self)
        self._unread, self._head, self._body = b"", None, bytearray()
        if not self._answering:
            self._share.give_back()

    def data_received(self, data: bytes) -> None:
        if self._head is not None:
            self._body += data
            self._read_body(self._head)
        else:
            self._unread = self._unread + data if self._unread else data
        self._go_on()

    def eof_received(self) -> bool:
        """Keeps the connection open for the answers to what has come whole."""
        self._ended = True
        self._go_on()
        return True

    def pause_writing(self) -> None:
        self._full = True
        self._opening.deadlines.set(self, self._opening.patience.unread_s)

    def resume_writing(self) -> None:
        self._full = False
        if not (self._answering or self._head or self._transport.is_closing()):
            self._share.give_back()
            self._opening.deadlines.set(self, self._opening.patience.head_s)
        self._read_on()

    def shutdown(self) -> None:
        """The server stops; uvicorn calls it."""
        self._closes = True
        if not self._answering and self._head is None:
            self._end()

    def expire(self) -> None:
        if self._head is not None and not self._full:
            self._break_off(Refused(408, f"body took too long: {len(self._body)} of {self._head.length} bytes came"))
        elif self._answering or self._full or self._transport.is_closing():
            self._transport.abort()
        else:
            self._end()

    # Requests

    def _read_on(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()
            self._go_on()

    def _go_on(self) -> None:
        while self._unread and not (self._answering or self._full or self._head) and self._begin():
            pass
        if self._ended and not (self._answering or self._full):
            if self._head is None:
                self._end()
            else:
                self._break_off(body.ended(len(self._body), self._head.length))
        if len(self._unread) > UNREAD_BYTES:
            self._hold_back()

    def _begin(self) -> bool:
        """Take the request at the beginning of what is unread; False if that has to wait, or is not for us."""
        unread = self._unread
        end = unread.find(b"\r\n\r\n", 0, head.MAX_BYTES) + 4
        if end < 4:
            if len(unread) < head.MAX_BYTES and unread.startswith(head.START[: len(unread)]):
                return False
            return self._hand_over()
        parsed = head.parse(unread[:end])
        if parsed is None or parsed.path not in self._desks:
            return self._hand_over()
        if parsed.length > self._max_bytes or not self._admits(parsed):
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
        self._await_body()
        return False

    def _await_body(self) -> None:
        self._body_due = len(self._body) + BODY_BYTES
        self._opening.deadlines.set(self, self._opening.patience.body_s)

    def _read_body(self, head: Head) -> None:
        if len(self._body) >= head.length:
            self._unread = bytes(self._body[head.length :])
            del self._body[head.length :]
            content, self._body, self._head = bytes(self._body), bytearray(), None
            self._take(head, content)
        elif len(self._body) >= self._body_due:
            self._await_body()

    def _take(self, head: Head, content: bytes) -> None:
        self._answering = True
        self._closes = self._closes or head.closes
        self._opening.deadlines.set(self, ANSWER_S)
        self._desks[head.path].take(head, content, self._share, self._tell)

    def _hold_back(self) -> None:
        """Leave the rest with its sender."""
        self._transport.pause_reading()
        try:
            self._share.hold(len(self._unread))
        except Busy:
            self._closes, self._unread = True, b""  # no room for requests that nobody had to send yet

    def _hand_over(self) -> bool:
        unread, self._unread = self._unread, b""
        self._share.give_back()
        self._opening.state.connections.discard(self)
        self._opening.deadlines.clear(self)
        protocol = self._opening.hand_over()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        self._transport.resume_reading()
        protocol.data_received(unread)
        return False

    # Answers

    def _tell(self, answer: Answer) -> None:
        self._answering = False
        if self._transport.is_closing():
            self._share.give_back()
            return
        self._opening.deadlines.set(self, self._opening.patience.head_s)
        self._write(answer)
        if not self._full:
            self._share.give_back()
        if self._closes:
            self._end()
        elif self._unread or self._ended:
            asyncio.get_running_loop().call_soon(self._read_on)  # not from here: those in a row would pile up

    def _break_off(self, error: Refused) -> None:
        """Of a request whose body does not come."""
        assert self._head is not None
        told = self._desks[self._head.path].refuse(self._head.media, error)
        self._closes, self._head, self._body = True, None, bytearray()
        self._tell(told)

    def _write(self, answer: Answer) -> None:
        ours = b"".join([b"%b: %b\r\n" % field for field in self._opening.state.default_headers])
        closes = b"connection: close\r\n" if self._closes else b""
        self._transport.write(b"HTTP/1.1 %b%b%b\r\n%b" % (answer.head.encode(), ours, closes, answer.body))

    def _end(self) -> None:
        self._unread = b""
        self._opening.deadlines.set(self, self._opening.patience.unread_s)
        self._transport.close()
