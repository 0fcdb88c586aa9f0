"""The worker's loop: read a batch, store it, settle it. Trouble is waited out; nothing is acknowledged meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from coinslot.errors import Halted, QueueUnavailable, StoreUnavailable
from coinslot.queue import Consumer
from coinslot.store import Outcome, Store
from worker.backoff import Backoff
from worker.batch import Batch, Batcher
from worker.settlement import Settled, Settlement, dead_message, tally
from worker.ticker import Ticker

log = logging.getLogger("coinslot.worker")

READ_WAIT_S = 1.0  # also how long a stop may go unnoticed
HALTED_WAIT_S = 1.0
KEEP_EVERY_S = 0.25  # while a batch is being stored; the queue is told a few times within CLAIM_IDLE_S


class Worker:
    """One consumer of the queue.

    stopping: asked between steps; pause: waits so many seconds, or until stopping; reached: called at each gap of the
    commit protocol, by name, for tests that die there; check_halt: raises Halted while workers are to settle nothing;
    recant: is told of messages that another has settled by now; reconnect: drops the connections to the queue.
    """

    def __init__(
        self,
        consumer: Consumer,
        batcher: Batcher,
        store: Store,
        settle: Settlement,
        stopping: Callable[[], bool],
        pause: Callable[[float], object],
        reached: Callable[[str], None],
        check_halt: Callable[[], None],
        recant: Callable[[Sequence[Settled]], None],
        reconnect: Callable[[], None],
    ) -> None:
        self._consumer = consumer
        self._batcher = batcher
        self._store = store
        self._settle = settle
        self._stopping = stopping
        self._pause = pause
        self._reached = reached
        self._check_halt = check_halt
        self._recant = recant
        self._ticker = Ticker(self._keep_claims, KEEP_EVERY_S)
        self._waits = False
        self._may_read = False
        self._backoff = Backoff(pause, reconnect, log)

    def run(self) -> None:
        """Until stopping; a batch that has begun is finished, if the store and the queue let it.

        Raises Halted when a batch is not to be settled; it is handed back.
        """
        try:
            while not self._stopping():
                self.run_once()
        except Exception as error:
            if not isinstance(error, Halted):
                self._consumer.abandon()  # it may be what this fault is about: then it is to die in the end
            raise
        finally:
            self._ticker.stop()
            self._consumer.close()

    def run_once(self) -> int:
        """One batch; returns the number of messages settled. Waits up to READ_WAIT_S for the first."""
        # Settling has just told that there is no halt, and to ask would take half as long as a small batch.
        may_read, self._may_read = self._may_read, False
        try:
            if not may_read and self._is_halted():
                return 0
            batch = self._batcher.next(READ_WAIT_S)
        except QueueUnavailable as error:
            self._backoff.wait_out(error)
            return 0
        if batch is None:
            return 0
        self._reached("read")
        self._keep_claims()  # what waits in the inbox meanwhile must not count as abandoned
        settled = self._store_batch(batch)
        if settled is None:
            return 0
        self._reached("stored")
        return self._settle_batch(settled)

    def _is_halted(self) -> bool:
        """Whether nothing is to be read now; waits a little then. Who is started while there is a halt waits it out."""
        try:
            self._check_halt()
        except Halted as halted:
            self._consumer.close()  # what it holds is for whoever goes on first
            if not self._waits:
                log.critical("%s; nothing is stored before `coinslot dead resume`", halted)
            self._waits = True
            self._pause(HALTED_WAIT_S)
            return True
        self._waits = False
        return False

    def _store_batch(self, batch: Batch) -> list[Settled] | None:
        """What each message came to; None if stopping got in the way of storing it."""
        with self._ticker.ticking():
            outcomes = self._insert(batch)
        if outcomes is None:
            return None
        settled, at = [], 0
        for commit in batch.commits:
            if commit.fault:
                settled.append(dead_message(commit, commit.fault))
                continue
            until = at + len(commit.events)
            settled.append(tally(commit, outcomes[at:until], tried=batch.tried))
            at = until
        return settled

    def _insert(self, batch: Batch) -> list[Outcome] | None:
        """As often as it takes. A store that is silent takes many seconds each time, and others must not take over.

        None of them could do better; and each takeover counts as a delivery, so that it would end in dead letters.
        """
        events, excused = batch.events, False
        while events:
            try:
                outcomes = self._store.insert(events)
                self._backoff.over()
                return outcomes
            except StoreUnavailable as error:
                batch.tried = True
                excused = excused or self._excuse()
                if self._stopping():
                    return None  # not acknowledged: it is handed back when the consumer closes
                self._backoff.wait_out(error)
        return []

    def _settle_batch(self, settled: list[Settled]) -> int:
        tried = False
        while True:
            try:
                mine = self._settle(settled)
            except QueueUnavailable as error:
                if self._stopping():
                    return 0
                tried = True
                self._backoff.wait_out(error)
                continue
            self._backoff.over()
            self._may_read = True
            self._acknowledge(settled)
            taken_over = [each for each in settled if each.commit.id not in mine]
            if taken_over:
                why = "settled, though no answer came, or taken over" if tried else "taken over"
                log.warning("%d messages had been %s by another worker", len(taken_over), why)
                self._take_back(taken_over)
            _report(settled)
            return len(settled) - len(taken_over)

    def _take_back(self, taken_over: list[Settled]) -> None:
        while True:
            try:
                return self._recant(taken_over)
            except (QueueUnavailable, StoreUnavailable) as error:
                if self._stopping():
                    log.error("what was erased of %d messages may be stored again: %s", len(taken_over), error)
                    return None
                self._backoff.wait_out(error)

    def _acknowledge(self, settled: list[Settled]) -> None:
        try:
            for each in settled:
                self._consumer.let_go(each.commit.message)
        except QueueUnavailable as error:
            self._consumer.close()  # what could not be acknowledged comes again, and is found to be stored
            self._backoff.wait_out(error)

    def _keep_claims(self) -> None:
        try:
            self._consumer.keep()
        except QueueUnavailable as error:
            log.warning("%s", error)  # the claims run out then, and whoever takes over finds duplicates

    def _excuse(self) -> bool:
        try:
            self._consumer.excuse()
        except QueueUnavailable as error:
            log.warning("%s", error)
            return False
        return True


def _report(settled: Sequence[Settled]) -> None:
    for each in settled:
        for _, reason, events in each.dead:
            log.error("dead letter: %d event(s) of message %s: %s", events, each.commit.id, reason)
