"""POST /wsapi/interaction_data: events of any kind. Old clients (contract: form or {"data": ...}) read text."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl

from coinslot.event_check import Admitted
from coinslot.media import FORM
from ingest import answer, formats
from ingest.answer import Answer, Refused
from ingest.checked import check_all, refusal
from ingest.dialect import Taken
from ingest.head import Head

PATH = "/wsapi/interaction_data"


class InteractionData:
    """A Dialect. check: raises BadEvent. max_events: of a POST."""

    def __init__(self, check: Callable[[bytes], Admitted], max_events: int) -> None:
        self._check = check
        self._max_events = max_events

    def sift(self, head: Head, plain: bytes) -> Taken | Answer:
        text, as_text = formats.unwrap(plain, head.media)
        try:
            skips = bool(head.query) and _skips(head.query)
            events = formats.events(text, head.media, self._max_events)
            passed, rejected, status = check_all(events, self._check)
            if rejected and not skips:
                raise refusal(rejected, status)
        except Refused as error:
            return answer.refused(error, as_text=as_text)
        ids = [id for id, _ in passed]
        accepted = answer.ok() if as_text and not skips else answer.accepted(ids, rejected if skips else None)
        return Taken([raw for _, raw in passed], accepted, as_text) if ids else accepted

    def wants_text(self, media: str) -> bool:
        return media == FORM


def _skips(query: str) -> bool:
    """Whether bad events are to be skipped; raises Refused where something else is to be done with them."""
    if "on_error" not in query:
        return False
    asked = dict(reversed(parse_qsl(query))).get("on_error", "")  # the first of a name counts
    if asked not in ("", "skip"):
        raise Refused(400, f"on_error={asked[:40]!r} is not skip")
    return asked == "skip"
