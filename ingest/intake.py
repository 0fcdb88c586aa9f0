"""The way of a POST: body, events, check, commit, answer. Flask's view and the fast lane both call it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from coinslot.errors import QueueUnavailable
from coinslot.events import BadEvent, Event, EventTooLarge
from ingest import answer, body, formats
from ingest.answer import Answer, Busy, Refused, Rejected
from ingest.backpressure import Backpressure
from ingest.body import Environ


class Intake:
    """Answers a POST of events; never raises.

    check: raises BadEvent; commit: returns once the queue holds the events, or raises QueueUnavailable.
    """

    def __init__(
        self,
        check: Callable[[bytes], Event],
        commit: Callable[[Sequence[bytes]], None],
        backpressure: Backpressure,
        max_body_bytes: int,
        max_events: int,
    ) -> None:
        self._check = check
        self._commit = commit
        self._backpressure = backpressure
        self._max_body_bytes = max_body_bytes
        self._max_events = max_events

    def __call__(self, environ: Environ) -> Answer:
        media = formats.media_type(environ.get("CONTENT_TYPE", ""))
        as_text = media == formats.FORM
        try:
            self._backpressure.admit()
            post = formats.parse(body.read(environ, self._max_body_bytes), media)
            as_text = post.legacy
            events, rejected = self._sift(post.raws)
            skips = "on_error=skip" in environ.get("QUERY_STRING", "").split("&")
            if rejected and not skips:
                raise _refusal(rejected)
            self._bank(events)
            if post.legacy:
                return answer.ok()
            return answer.accepted([event.id for event in events], _told(rejected) if skips else None)
        except Refused as error:
            return answer.refused(error, as_text=as_text)
        except Busy as error:
            return answer.busy(error, as_text=as_text)

    def _sift(self, raws: Sequence[bytes]) -> tuple[list[Event], list[tuple[int, BadEvent]]]:
        if len(raws) > self._max_events:
            raise Refused(413, f"{len(raws)} events in one request; the limit is {self._max_events}")
        events, rejected = [], []
        for index, raw in enumerate(raws):
            try:
                events.append(self._check(raw))
            except BadEvent as error:
                rejected.append((index, error))
        return events, rejected

    def _bank(self, events: Sequence[Event]) -> None:
        if not events:
            return
        try:
            self._commit([event.raw for event in events])
        except QueueUnavailable as error:
            raise Busy(str(error), self._backpressure.retry_after_s()) from error


def _refusal(rejected: Sequence[tuple[int, BadEvent]]) -> Refused:
    too_large = any(isinstance(error, EventTooLarge) for _, error in rejected)
    plural = "event was" if len(rejected) == 1 else "events were"
    return Refused(413 if too_large else 400, f"{len(rejected)} {plural} refused, nothing accepted", _told(rejected))


def _told(rejected: Sequence[tuple[int, BadEvent]]) -> list[Rejected]:
    return [{"index": index, "reason": str(error)} for index, error in rejected]
