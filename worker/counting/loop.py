"""The counting loop: read messages, count them in the order in which they came. Trouble is waited out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from time import perf_counter

from coinslot.analytics.rules import Rules
from coinslot.errors import QueueUnavailable, StoreUnavailable
from coinslot.queue import Consumer, Message
from worker.backoff import Backoff
from worker.counting.parcel import Bank, Parcel
from worker.counting.piece import PIECE_EVENTS, Piece, joined, open_message
from worker.counting.step import Counted, Spent, Step

log = logging.getLogger("coinslot.worker.counting")

READ_WAIT_S = 1.0  # also how long a stop may go unnoticed
EARLY_WAIT_S = 0.002  # another worker is counting what came before


class Counting:
    """One consumer of the queue of analytic events.

    restore: makes the counters ready where Redis knows none, or raises StoreUnavailable; tell: is given namespace, name
    and user id of the events that were counted; stopping, pause, reconnect: as the Worker's (worker/loop.py).
    """

    def __init__(
        self,
        consumer: Consumer,
        step: Step,
        rules: Rules,
        bank: Bank | None,
        restore: Callable[[], None],
        tell: Callable[[Sequence[tuple[str, str, str]]], None],
        stopping: Callable[[], bool],
        pause: Callable[[float], object],
        reconnect: Callable[[], None],
        max_deliveries: int,
    ) -> None:
        self._consumer = consumer
        self._step = step
        self._rules = rules
        self._bank = bank
        self._restore = restore
        self._tell = tell
        self._stopping = stopping
        self._pause = pause
        self._max_deliveries = max_deliveries
        self._pieces: list[Piece] = []  # read and not counted yet, oldest first
        self._spent = Spent()  # and not told yet
        self._packed: tuple[list[Piece], Parcel] | None = None
        self._backoff = Backoff(pause, reconnect, log)

    def run(self) -> None:
        """Until stopping. What was read and not counted by then is handed back."""
        try:
            while not self._stopping():
                self.run_once()
        except Exception:
            self._consumer.abandon()  # it may be what this fault is about: then it is to die in the end
            raise
        finally:
            self._consumer.close()

    def run_once(self) -> int:
        """One step; returns the number of pieces counted. Waits up to READ_WAIT_S for the first."""
        try:
            if not self._pieces:
                self._consumer.read(READ_WAIT_S)
                self._open_inbox()
            if not self._pieces:
                if self._spent.events:
                    self._count([])  # only tells what was spent; nobody waits for anything else now
                return 0
            self._consumer.keep()
            counted = self._count(self._next_pieces())
            self._backoff.over()
            return counted
        except (QueueUnavailable, StoreUnavailable) as error:
            self._backoff.wait_out(error)
            return 0

    def _open_inbox(self) -> None:
        inbox = self._consumer.inbox
        while inbox:
            self._pieces += open_message(inbox.popleft(), self._max_deliveries)

    def _next_pieces(self) -> list[Piece]:
        """A message that was delivered before makes a step of its own: should it be deadly, then to nobody else."""
        pieces: list[Piece] = []
        events = 0
        for piece in self._pieces:
            alone = piece.envelope.is_redelivered
            events += len(piece.events)
            if pieces and (alone or events > PIECE_EVENTS):
                break
            pieces.append(piece)
            if alone:
                break
        return pieces

    def _count(self, pieces: list[Piece]) -> int:
        began = perf_counter()
        first = pieces[0].envelope.id if pieces else ""
        counted = self._step(first, self._spent, self._parcel(pieces).arguments)
        done = pieces[: counted.messages]
        if counted.told_spent:
            events = sum(len(piece.events) for piece in done)
            self._spent = Spent((perf_counter() - began) * 1e6 if done else 0.0, events)
        del self._pieces[: counted.messages]
        self._acknowledge(done)
        self._mind(counted)
        return counted.messages

    def _parcel(self, pieces: list[Piece]) -> Parcel:
        """That of the last step, if it was too early: what takes the longest is then done while others count."""
        if self._packed is None or self._packed[0] != pieces:
            self._packed = (pieces, Parcel(pieces, self._rules, self._bank))
        return self._packed[1]

    def _acknowledge(self, done: list[Piece]) -> None:
        for piece in done:
            if piece.fault:
                log.error("dead letter: %d event(s) of message %s: %s", piece.size, piece.envelope.id, piece.fault)
            if not piece.more:
                self._let_go(piece.envelope.message)
            self._tell([(event.namespace, event.event_name, event.user_id) for event in piece.events])

    def _let_go(self, message: Message) -> None:
        try:
            self._consumer.let_go(message)
        except QueueUnavailable:
            # The connection is gone, and all that came over it comes again: what was counted then changes nothing.
            self._consumer.close()
            self._pieces.clear()
            raise

    def _mind(self, counted: Counted) -> None:
        if counted.hindrance == "full":
            first = self._pieces[0].envelope
            of_first = [piece for piece in self._pieces if piece.envelope is first]
            self._pieces[: len(of_first)] = [joined(of_first)]
        elif counted.hindrance == "early":
            self._take_over_older()
        elif counted.hindrance == "lost":
            lost = self._pieces[0].envelope
            log.warning("message %s had been taken over by another worker", lost.id)
            self._pieces = [piece for piece in self._pieces if piece.envelope.id != lost.id]
            self._let_go(lost.message)
        elif counted.hindrance == "restore":
            self._consumer.excuse()  # it may take long, and is no fault of theirs
            self._restore()

    def _take_over_older(self) -> None:
        """What came before is another worker's; if that is dead, somebody has to take it over, who may wait as well."""
        self._consumer.read_abandoned()
        if self._consumer.inbox:
            self._open_inbox()
            self._pieces.sort(key=lambda piece: piece.age)
        else:
            self._pause(EARLY_WAIT_S)
