"""What ingest answers: JSON, or text to old clients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from coinslot.errors import CoinslotError

STATUS = {
    201: "201 Created",
    204: "204 No Content",
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
    """`status` is a status line. Without a content type there is no content: 204 has neither (RFC 9110, 8.6)."""

    status: str
    content_type: str
    body: bytes
    retry_after_s: int | None = None

    @property
    def fields(self) -> list[tuple[str, str]]:
        """Those of its head, but for the date and the like."""
        fields = []
        if self.content_type:
            fields += [("content-type", self.content_type), ("content-length", str(len(self.body)))]
        if self.retry_after_s is not None:
            fields.append(("retry-after", str(self.retry_after_s)))
        return fields

    @property
    def head(self) -> str:
        """The status and the same fields, as they stand in an HTTP message."""
        content = f"content-type: {self.content_type}\r\ncontent-length: {len(self.body)}\r\n"
        retry_after = "" if self.retry_after_s is None else f"retry-after: {self.retry_after_s}\r\n"
        return f"{self.status}\r\n{content if self.content_type else ''}{retry_after}"


class Refused(CoinslotError):
    """The request cannot be taken."""

    retry_after_s: int | None = None

    def __init__(self, status: int, what: str, events: Sequence[Rejected] = ()) -> None:
        super().__init__(what)
        self.status = status
        self.events = events


class Busy(Refused):
    """The queue cannot take events now."""

    def __init__(self, what: str, retry_after_s: int) -> None:
        super().__init__(503, what)
        self.retry_after_s = retry_after_s


def ok() -> Answer:
    """What an old client takes as success."""
    return Answer(STATUS[201], TEXT, b"ok")


def done() -> Answer:
    """Accepted, and nothing to be said of it."""
    return Answer(STATUS[204], "", b"")


def accepted(ids: list[str], rejected: Sequence[Rejected] | None = None) -> Answer:
    """`rejected` is told where bad events were to be skipped, and only there."""
    body: dict[str, Any] = {"accepted": len(ids), "ids": ids}
    if rejected is not None:
        body["rejected"] = rejected
    return Answer(STATUS[201], JSON, msgspec.json.encode(body))


def refused(error: Refused, *, as_text: bool) -> Answer:
    if as_text:
        reasons = "; ".join(f"event {event['index']}: {event['reason']}" for event in error.events)
        text = f"{error}: {reasons}" if reasons else str(error)
        return Answer(STATUS[error.status], TEXT, text.encode(), error.retry_after_s)
    what: dict[str, Any] = {"what": str(error)}
    if error.events:
        what["events"] = error.events
    return Answer(STATUS[error.status], JSON, msgspec.json.encode({"error": what}), error.retry_after_s)


def crashed() -> Answer:
    """A bug of ours, of which a client is told nothing."""
    return refused(Refused(500, "internal error"), as_text=False)
