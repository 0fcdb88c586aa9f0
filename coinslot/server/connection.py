"""A connection: uvicorn's, with the limits that it lacks."""

from __future__ import annotations

from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from coinslot.server.deadlines import BODY_BYTES, Deadlines, Patience
from coinslot.server.http10 import without_chunks
from coinslot.server.lingering import Lingering
from coinslot.server.refusal import refusal, refuse

MAX_TARGET_BYTES = 65_534
MAX_FIELDS = 100
MAX_FIELDS_BYTES = 64 * 1024  # names and values, and four bytes a field for what stands around them
MAX_PIPELINED = 64  # requests that wait for the answer to another; the connection ends behind them


class Connection(HttpToolsProtocol):
    """Bounds what a client may send and how long it may take; answers what is wrong in its turn.

    A field with an underscore in its name is passed over: to WSGI `X_User` and `X-User` are one, and the first could
    pose as the second.
    """

    def __init__(self, deadlines: Deadlines, patience: Patience, **context: Any) -> None:
        super().__init__(**context)
        self._deadlines = deadlines
        self._patience = patience
        self._head_bytes: int | None = 0  # read of a head that is not whole; None while a body is read
        self._fields = 0
        self._fields_bytes = 0
        self._body_bytes = 0  # since the deadline was set
        self._is_deaf = False  # whatever else comes is passed over

    # The transport's calls

    def connection_made(self, transport: Any) -> None:
        super().connection_made(Lingering(transport, self._closing))  # type: ignore[arg-type]
        self._deadlines.set(self, self._patience.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._deadlines.clear(self)

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        if self._head_bytes is not None:
            self._head_bytes += len(data)  # not of what may stand behind the head: then it is whole
        super().data_received(data)
        if self._head_bytes is not None and self._head_bytes > MAX_TARGET_BYTES + MAX_FIELDS_BYTES:
            self._refuse(431, "the header is too large")

    def eof_received(self) -> None:
        if self._head_bytes != 0:
            self._refuse(400, "the request ended before it was whole")
        # The transport closes the connection once all is written. A client that says no more has left: it may follow.

    def pause_writing(self) -> None:
        super().pause_writing()
        self._deadlines.set(self, self._patience.unread_s)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._wait()

    def shutdown(self) -> None:
        if self.transport.is_closing():
            self.transport.abort()
        else:
            super().shutdown()

    def expire(self) -> None:
        if self._head_bytes == 0 and not self.flow.write_paused and not self.transport.is_closing():
            self.transport.close()
        else:
            self.transport.abort()

    # The parser's calls

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= MAX_PIPELINED:
            self._end_after_this()
        if self._is_deaf:
            return
        super().on_message_begin()
        self._fields = self._fields_bytes = 0
        self._deadlines.set(self, self._patience.head_s)

    def on_url(self, url: bytes) -> None:
        if self._is_deaf:
            return
        super().on_url(url)
        if len(self.url) > MAX_TARGET_BYTES:
            self._refuse(414, f"the URL has more than {MAX_TARGET_BYTES} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_deaf or self._head_bytes is None:  # a trailer must not pass for a header
            return
        self._fields += 1
        self._fields_bytes += len(name) + len(value) + 4
        if self._fields > MAX_FIELDS or self._fields_bytes > MAX_FIELDS_BYTES:
            self._refuse(431, f"the header has more than {MAX_FIELDS} fields or {MAX_FIELDS_BYTES} bytes")
        elif b"_" not in name:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._is_deaf:
            return
        super().on_headers_complete()
        self._head_bytes, self._body_bytes = None, 0
        self._deadlines.set(self, self._patience.body_s)

    def on_body(self, body: bytes) -> None:
        if self._is_deaf:
            return
        super().on_body(body)
        self._body_bytes += len(body)
        if self._body_bytes > BODY_BYTES:
            self._body_bytes = 0
            self._deadlines.set(self, self._patience.body_s)

    def on_message_complete(self) -> None:
        if self._is_deaf:
            return
        super().on_message_complete()
        self._head_bytes = 0
        self._wait()

    def _unsupported_upgrade_warning(self) -> None:
        self._end_after_this()  # what follows may be of the other protocol

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "this is no HTTP request")

    # Answers

    def _closing(self) -> bool:
        """Whether the client may be sending still."""
        lingers = self._is_deaf or self._head_bytes is None
        self._is_deaf = True
        self._deadlines.set(self, self._patience.linger_s if lingers else self._patience.unread_s)
        return lingers

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        if cycle.scope["http_version"] == "1.0":
            app = partial(without_chunks, app, cycle)
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.flow.write_paused:
            self._wait()

    def _wait(self) -> None:
        """Set the deadline of what is waited for now."""
        if self.transport.is_closing():
            return  # that has a deadline
        if self.cycle is None or self.cycle.response_complete:
            self._deadlines.set(self, self._patience.head_s if self._head_bytes is not None else self._patience.body_s)
        else:
            self._deadlines.clear(self)  # for us

    def _end_after_this(self) -> None:
        """Answer what has come, and then no more."""
        self._is_deaf = True
        self.cycle.keep_alive = False

    def _is_queued(self) -> bool:
        """Whether the request that was read last waits for the answer to another."""
        return bool(self.pipeline) and self.pipeline[0][0] is self.cycle

    def _refuse(self, status: int, what: str) -> None:
        """What is being read now, in its turn; and nothing after it is heard."""
        if self._is_deaf or self.transport.is_closing():
            return
        self._is_deaf = True
        cycle = self.cycle
        if self._head_bytes is None:  # it is that of a body
            if self._is_queued():
                self.pipeline[0] = (cycle, partial(refuse, status, what))
            else:
                self._break_off(status, what)
        elif cycle is None or cycle.response_complete:
            self._write_refusal(status, what)
        if cycle is not None:
            cycle.keep_alive = False
        self._wait()

    def _break_off(self, status: int, what: str) -> None:
        """The request whose body was being read."""
        self.cycle.disconnected = True  # to whoever answers it
        self.cycle.message_event.set()
        if not self.cycle.response_started:
            self._write_refusal(status, what)
        self.transport.close()

    def _write_refusal(self, status: int, what: str) -> None:
        self.transport.write(refusal(status, what, self.server_state.default_headers))
        self.transport.close()
