"""The way of a POST: its events, their check, the commit, the answer. Flask's view and the fast lane both go it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl

from coinslot.errors import QueueUnavailable
from coinslot.events import Admitted, BadEvent, EventTooLarge
from coinslot.media import FORM
from ingest import answer, formats
from ingest.answer import Answer, Busy, Refused, Rejected
from ingest.backpressure import Backpressure
from ingest.body import inflate
from ingest.budget import FREE_BYTES
from ingest.head import Head
from ingest.turn import Turn


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
        self._turn = Turn()

    def __call__(self, head: Head, content: bytes, hold: Callable[[int], None]) -> Answer:
        """Waits for the queue."""
        taken = self.take(head, content, hold)
        if isinstance(taken, Answer):
            return taken
        return self.finish(taken, self._commit(taken.raws))

    def take(self, head: Head, content: bytes, hold: Callable[[int], None]) -> Taken | Answer:
        """An answer where there is nothing to commit. Waits only where the body is not small, for its turn.

        hold: called with the length of the inflated body; raises Busy where there is no memory for it.
        """
        try:
            self._backpressure.admit()
            if is_small(head, content):
                return self._sift(head, content)
            with self._turn:
                plain = inflate(content, head.encoding, self._max_body_bytes)
                hold(len(plain))
                return self._sift(head, plain)
        except Refused as error:
            return answer.refused(error, as_text=head.media == FORM)
        except Busy as error:
            return answer.busy(error, as_text=head.media == FORM)

    def finish(self, taken: Taken, fault: QueueUnavailable | None) -> Answer:
        """The answer once it is known what became of the commit."""
        if fault is None:
            return taken.answer
        return answer.busy(Busy(str(fault), self._backpressure.retry_after_s()), as_text=taken.as_text)

    def _sift(self, head: Head, plain: bytes) -> Taken | Answer:
        """Raises Refused where it is not even known who sent it."""
        text, as_text = formats.unwrap(plain, head.media)
        # Neither events in decoded form are kept nor exceptions, whose tracebacks hold such: both are many times as
        # large.
        raws: list[bytes] = []
        ids: list[str] = []
        rejected: list[Rejected] = []
        status = 400
        try:
            skips = bool(head.query) and _skips(head.query)
            for index, sent in enumerate(formats.events(text, head.media, self._max_events)):
                try:
                    id, raw = self._check(sent)
                except BadEvent as error:
                    rejected.append({"index": index, "reason": str(error)})
                    status = 413 if isinstance(error, EventTooLarge) else status
                else:
                    raws.append(raw)
                    ids.append(id)
            if rejected and not skips:
                raise _refusal(status, rejected)
        except Refused as error:
            return answer.refused(error, as_text=as_text)
        accepted = answer.ok() if as_text and not skips else answer.accepted(ids, rejected if skips else None)
        return Taken(raws, accepted, as_text) if raws else accepted


def is_small(head: Head, content: bytes) -> bool:
    """Whether to take it apart takes next to nothing. A small compressed body may be a large one."""
    return not head.encoding and len(content) <= FREE_BYTES


def _skips(query: str) -> bool:
    """Whether bad events are to be skipped; raises Refused where something else is to be done with them."""
    if "on_error" not in query:
        return False
    asked = dict(reversed(parse_qsl(query))).get("on_error", "")  # the first of a name counts
    if asked not in ("", "skip"):
        raise Refused(400, f"on_error={asked[:40]!r} is not skip")
    return asked == "skip"


def _refusal(status: int, rejected: list[Rejected]) -> Refused:
    plural = "event was" if len(rejected) == 1 else "events were"
    return Refused(status, f"{len(rejected)} {plural} refused, nothing accepted", rejected)
