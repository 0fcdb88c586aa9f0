"""What ingest answers. Old clients (contract: form or {"data": ...}) read text; all others JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from coinslot.errors import CoinslotError

STATUS = {
    201: "201 Created",
    400: "400 Bad Request",
    411: "411 Length Required",
    413: "413 Content Too Large",
    415: "415 Unsupported Media Type",
    500: "500 Internal Server Error",
    503: "503 Service Unavailable",
}
TEXT = ("Content-Type", "text/plain; charset=utf-8")
JSON = ("Content-Type", "application/json")

Rejected = dict[str, Any]  # {"index": place in the request, from 0, "reason": text}


class Answer(NamedTuple):
    """A status line, headers and a body, as WSGI takes them."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


class Refused(CoinslotError):
    """The request cannot be taken."""

    def __init__(self, status: int, what: str, events: Sequence[Rejected] = ()) -> None:
        super().__init__(what)
        self.status = status
        self.events = events


class Busy(CoinslotError):
    """The queue cannot take events now."""

    def __init__(self, what: str, retry_after_s: int) -> None:
        super().__init__(what)
        self.retry_after_s = retry_after_s


def ok() -> Answer:
    """What an old client takes as success."""
    return _answer(201, TEXT, b"ok")


def accepted(ids: list[str], rejected: Sequence[Rejected] | None = None) -> Answer:
    """`rejected` is told where bad events were to be skipped, and only there."""
    body: dict[str, Any] = {"accepted": len(ids), "ids": ids}
    if rejected is not None:
        body["rejected"] = rejected
    return _answer(201, JSON, msgspec.json.encode(body))


def refused(error: Refused, *, as_text: bool) -> Answer:
    if as_text:
        reasons = "; ".join(f"event {event['index']}: {event['reason']}" for event in error.events)
        return _answer(error.status, TEXT, (f"{error}: {reasons}" if reasons else str(error)).encode())
    what: dict[str, Any] = {"what": str(error)}
    if error.events:
        what["events"] = error.events
    return _answer(error.status, JSON, msgspec.json.encode({"error": what}))


def busy(error: Busy, *, as_text: bool) -> Answer:
    answer = refused(Refused(503, str(error)), as_text=as_text)
    answer.headers.append(("Retry-After", str(error.retry_after_s)))
    return answer


def crashed() -> Answer:
    """A bug of ours, of which a client is told nothing."""
    return refused(Refused(500, "internal error"), as_text=False)


def _answer(status: int, content_type: tuple[str, str], body: bytes) -> Answer:
    return Answer(STATUS[status], [content_type, ("Content-Length", str(len(body)))], body)
