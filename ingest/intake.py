"""The way of a POST: body, events, check, commit, answer. Flask's view and the fast lane both call it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from coinslot.errors import QueueUnavailable
from coinslot.events import BadEvent, Event, EventTooLarge
from coinslot.media import FORM
from ingest import answer, body, formats
from ingest.answer import Answer, Busy, Refused, Rejected
from ingest.backpressure import Backpressure
from ingest.body import Environ
from ingest.budget import FREE_BYTES, Budget
from ingest.turn import Turn

TURN_TIMEOUT_S = 2.0


@dataclass(slots=True)
class Sifted:
    """The good events with their ids, and what is said of the bad ones.

    Neither events in decoded form nor exceptions, whose tracebacks hold such: both are many times as large.
    """

    raws: list[bytes] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    too_large: bool = False


class Intake:
    """Answers a POST of events; never raises.

    check: raises BadEvent; commit: returns once the queue holds the events, or raises QueueUnavailable.
    """

    def __init__(
        self,
        check: Callable[[bytes], Event],
        commit: Callable[[Sequence[bytes]], None],
        backpressure: Backpressure,
        budget: Budget,
        max_body_bytes: int,
        max_events: int,
    ) -> None:
        self._check = check
        self._commit = commit
        self._backpressure = backpressure
        self._budget = budget
        self._max_body_bytes = max_body_bytes
        self._max_events = max_events
        self._turn = Turn(TURN_TIMEOUT_S)

    def __call__(self, environ: Environ) -> Answer:
        media = formats.media_type(environ.get("CONTENT_TYPE", ""))
        as_text = media == FORM
        try:
            with self._budget.share() as share:
                # Read even if it is to be refused: a server closes the connection under an answer to an unread body.
                sent = body.read(environ, self._max_body_bytes, share.hold)
                self._backpressure.admit()
                # A small compressed body may be a large one.
                with self._turn if sent.encoding or len(sent.content) > FREE_BYTES else nullcontext():
                    plain = sent.inflate(self._max_body_bytes)
                    share.hold(len(plain))
                    text, as_text = formats.unwrap(plain, media)
                    sifted = self._sift(formats.events(text, media, self._max_events))
                del sent, plain, text  # while the queue is waited for, the events alone are held
                skips = _skips(environ.get("QUERY_STRING", ""))
                if sifted.rejected and not skips:
                    raise _refusal(sifted)
                self._bank(sifted.raws)
            if as_text and not skips:
                return answer.ok()
            return answer.accepted(sifted.ids, sifted.rejected if skips else None)
        except Refused as error:
            return answer.refused(error, as_text=as_text)
        except Busy as error:
            return answer.busy(error, as_text=as_text)

    def _sift(self, raws: Sequence[bytes]) -> Sifted:
        sifted = Sifted()
        for index, raw in enumerate(raws):
            try:
                event = self._check(raw)
            except BadEvent as error:
                sifted.rejected.append({"index": index, "reason": str(error)})
                sifted.too_large = sifted.too_large or isinstance(error, EventTooLarge)
            else:
                sifted.raws.append(event.raw)
                sifted.ids.append(event.id)
        return sifted

    def _bank(self, raws: Sequence[bytes]) -> None:
        if not raws:
            return
        try:
            self._commit(raws)
        except QueueUnavailable as error:
            raise Busy(str(error), self._backpressure.retry_after_s()) from error


def _skips(query: str) -> bool:
    """Whether bad events are to be skipped; raises Refused where something else is to be done with them."""
    if "on_error" not in query:
        return False
    asked = dict(reversed(parse_qsl(query))).get("on_error", "")  # the first of a name counts
    if asked not in ("", "skip"):
        raise Refused(400, f"on_error={asked[:40]!r} is not skip")
    return asked == "skip"


def _refusal(sifted: Sifted) -> Refused:
    plural = "event was" if len(sifted.rejected) == 1 else "events were"
    what = f"{len(sifted.rejected)} {plural} refused, nothing accepted"
    return Refused(413 if sifted.too_large else 400, what, sifted.rejected)
