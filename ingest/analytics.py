"""POST /v0/analytics: analytic events, all or none (contract: one, {"events": [...]}, or a bare array)."""

from __future__ import annotations

from collections.abc import Callable

from coinslot.media import JSON
from ingest import answer, formats
from ingest.answer import Answer, Refused
from ingest.checked import check_all, refusal
from ingest.dialect import Taken
from ingest.head import Head

PATH = "/v0/analytics"


class Analytics:
    """A Dialect. check: raises BadEvent. max_events: of a POST."""

    def __init__(self, check: Callable[[bytes], bytes], max_events: int) -> None:
        self._check = check
        self._max_events = max_events

    def sift(self, head: Head, plain: bytes) -> Taken | Answer:
        if head.media != JSON:
            raise Refused(415, f"content type {head.media[:60]!r} is not {JSON}")
        events = formats.events(formats.listed(plain), JSON, self._max_events)
        raws, rejected, status = check_all(events, self._check)
        if rejected:
            raise refusal(rejected, status)
        return Taken(raws, answer.done(), as_text=False) if raws else answer.done()

    def wants_text(self, media: str) -> bool:
        return False
