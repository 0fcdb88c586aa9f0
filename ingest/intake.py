"""The way of a POST: its events, their check, the commit, the answer. Flask's view and the fast lane both go it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import parse_qsl

from coinslot.errors import QueueUnavailable
from coinslot.events import Admitted, BadEvent, EventTooLarge
from coinslot.media import FORM
from ingest import answer, formats
from ingest.answer import Answer, Busy, Refused, Rejected
from ingest.backpressure import Backpressure
from ingest.body import Body
from ingest.budget import FREE_BYTES
from ingest.turn import Turn

TURN_TIMEOUT_S = 2.0
AT_ONCE = nullcontext()


class Request(NamedTuple):
    """A POST; `content_type` and `query` as they were sent."""

    body: Body
    content_type: str = ""
    query: str = ""

    @property
    def is_small(self) -> bool:
        """Whether to take it apart takes next to nothing. A small compressed body may be a large one."""
        return not self.body.encoding and len(self.body.content) <= FREE_BYTES


@dataclass(slots=True)
class Sifted:
    """The good events with their ids, and what is said of the bad ones.

    Neither events in decoded form nor exceptions, whose tracebacks hold such: both are many times as large.
    """

    raws: list[bytes] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    too_large: bool = False


class Taken(NamedTuple):
    """Events that only have to enter the queue, and what is answered once they have."""

    raws: list[bytes]
    answer: Answer
    as_text: bool


class Intake:
    """Answers POSTs of events; none of its methods raises.

    check: raises BadEvent; commit: returns once the queue holds the events, or why it may not.
    """

    def __init__(
        self,
        check: Callable[[bytes], Admitted],
        commit: Callable[[Sequence[bytes]], QueueUnavailable | None],
        backpressure: Backpressure,
        max_body_bytes: int,
        max_events: int,
    ) -> None:
        self._check = check
        self._commit = commit
        self._backpressure = backpressure
        self._max_body_bytes = max_body_bytes
        self._max_events = max_events
        self._turn = Turn(TURN_TIMEOUT_S)

    def __call__(self, request: Request, hold: Callable[[int], None]) -> Answer:
        """Waits for the queue."""
        taken = self.take(request, hold)
        if isinstance(taken, Answer):
            return taken
        del request  # while the queue is waited for, the events alone are held
        return self.finish(taken, self._commit(taken.raws))

    def take(self, request: Request, hold: Callable[[int], None]) -> Taken | Answer:
        """An answer where there is nothing to commit. Waits only where the request is not small, for its turn.

        hold: called with the length of the inflated body; raises Busy where there is no memory for it.
        """
        media = formats.media_type(request.content_type)
        as_text = media == FORM
        try:
            self._backpressure.admit()
            with AT_ONCE if request.is_small else self._turn:
                plain = request.body.inflate(self._max_body_bytes)
                hold(len(plain))
                text, as_text = formats.unwrap(plain, media)
                sifted = self._sift(formats.events(text, media, self._max_events))
            skips = _skips(request.query)
            if sifted.rejected and not skips:
                raise _refusal(sifted)
        except Refused as error:
            return answer.refused(error, as_text=as_text)
        except Busy as error:
            return answer.busy(error, as_text=as_text)
        if as_text and not skips:
            accepted = answer.ok()
        else:
            accepted = answer.accepted(sifted.ids, sifted.rejected if skips else None)
        return Taken(sifted.raws, accepted, as_text) if sifted.raws else accepted

    def finish(self, taken: Taken, fault: QueueUnavailable | None) -> Answer:
        """The answer once it is known what became of the commit."""
        if fault is None:
            return taken.answer
        return answer.busy(Busy(str(fault), self._backpressure.retry_after_s()), as_text=taken.as_text)

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
