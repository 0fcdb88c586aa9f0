"""The way of a POST: its events, their check, the commit, the answer. Flask's view and the fast lane both go it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from coinslot.errors import QueueUnavailable
from ingest import answer
from ingest.answer import Answer, Busy, Refused
from ingest.backpressure import Backpressure
from ingest.body import inflate
from ingest.budget import FREE_BYTES
from ingest.dialect import Dialect, Taken
from ingest.head import Head
from ingest.turn import Turn


class Intake:
    """Answers the POSTs of one path; none of its methods raises.

    commit: returns once the queue holds the events, or why it may not. turn: shared by all intakes of a process.
    """

    def __init__(
        self,
        dialect: Dialect,
        commit: Callable[[Sequence[bytes]], QueueUnavailable | None],
        backpressure: Backpressure,
        turn: Turn,
        max_body_bytes: int,
    ) -> None:
        self._dialect = dialect
        self._commit = commit
        self._backpressure = backpressure
        self._turn = turn
        self._max_body_bytes = max_body_bytes

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
                return self._dialect.sift(head, content)
            with self._turn:
                plain = inflate(content, head.encoding, self._max_body_bytes)
                hold(len(plain))
                return self._dialect.sift(head, plain)
        except Refused as error:
            return self.refuse(head.media, error)

    def finish(self, taken: Taken, fault: QueueUnavailable | None) -> Answer:
        """The answer once it is known what became of the commit."""
        if fault is None:
            return taken.answer
        return answer.refused(Busy(str(fault), self._backpressure.retry_after_s()), as_text=taken.as_text)

    def refuse(self, media: str, error: Refused) -> Answer:
        """To whoever sent, or is still sending, a body of this content type that is not taken."""
        return answer.refused(error, as_text=self._dialect.wants_text(media))


def is_small(head: Head, content: bytes) -> bool:
    """Whether to take it apart takes next to nothing. A small compressed body may be a large one."""
    return not head.encoding and len(content) <= FREE_BYTES
