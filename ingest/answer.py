"""What ingest answers. Old clients (contract: form or {"data": ...}) read text; all others JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from coinslot.errors import CoinslotError

STATUS = {
    201: "201 Created",
    400: "400 Bad Request",
    408: "408 Request Timeout",
    411: "411 Length Required",
    413: "413 Content Too Large",
    415: "415 Unsupported Media Type",
    500: "500 Internal Server Error",
    503: "503 Service Unavailable",
}
TEXT = "text/plain; charset=utf-8"
JSON = "application/json"

Rejected = dict[str, Any]  # {"index": place in the request, from 0, "reason": text}


class Answer(NamedTuple):
    """`status` is a status line."""

    status: str
    content_type: str
    body: bytes
    retry_after_s: int | None = None

    @property
    def head(self) -> str:
        """All that says of it, as it stands in an HTTP message."""
        retry_after = "" if self.retry_after_s is None else f"retry-after: {self.retry_after_s}\r\n"
        length = len(self.body)
        return f"{self.status}\r\ncontent-type: {self.content_type}\r\ncontent-length: {length}\r\n{retry_after}"


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
    return Answer(STATUS[201], TEXT, b"ok")


def accepted(ids: list[str], rejected: Sequence[Rejected] | None = None) -> Answer:
    """`rejected` is told where bad events were to be skipped, and only there."""
    body: dict[str, Any] = {"accepted": len(ids), "ids": ids}
    if rejected is not None:
        body["rejected"] = rejected
    return Answer(STATUS[201], JSON, msgspec.json.encode(body))


def refused(error: Refused, *, as_text: bool) -> Answer:
    if as_text:
        reasons = "; ".join(f"event {event['index']}: {event['reason']}" for event in error.events)
        return Answer(STATUS[error.status], TEXT, (f"{error}: {reasons}" if reasons else str(error)).encode())
    what: dict[str, Any] = {"what": str(error)}
    if error.events:
        what["events"] = error.events
    return Answer(STATUS[error.status], JSON, msgspec.json.encode({"error": what}))


def busy(error: Busy, *, as_text: bool) -> Answer:
    return refused(Refused(503, str(error)), as_text=as_text)._replace(retry_after_s=error.retry_after_s)


def crashed() -> Answer:
    """A bug of ours, of which a client is told nothing."""
    return refused(Refused(500, "internal error"), as_text=False)
