"""Persisting: now and then, and at the end, what has changed of the counters is kept in the place."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from functools import cache
from time import monotonic, sleep

import redis

from coinslot.analytics import crew, rules, snapshot
from coinslot.analytics.asking import asking
from coinslot.analytics.marks import Mark, Marks, Round
from coinslot.analytics.places.protocol import Place
from coinslot.analytics.restore import BUSY_WAIT_S, Restore
from coinslot.analytics.snapshot import CounterSnapshot
from coinslot.analytics.state import State
from coinslot.errors import CoinslotError
from coinslot.keys import Keys

log = logging.getLogger("coinslot.worker.persister")

RETRY_S = 5.0
FINISH_S = 5.0


class Persister:
    """One worker at a time persists, and any may: what is to be kept stands in Redis (coinslot/analytics/marks.py).

    restore: as the counting loop's; it is called here, too, for that loop may have nothing to count. pause: waits so
    many seconds, or until stopping, and returns whether it is.
    """

    def __init__(
        self,
        client: redis.Redis,
        keys: Keys,
        place: Place,
        restore: Restore,
        every_s: float,
        pause: Callable[[float], bool],
    ) -> None:
        self._marks, self._state = Marks(client, keys), State(client, keys)
        self._place = place
        self._restore = restore
        self._every_s = every_s
        self._pause = pause
        self._thread = threading.Thread(target=self._run, name="persister", daemon=True)
        self._is_troubled = False

    def start(self) -> None:
        self._thread.start()

    def finish(self, limit_s: float = FINISH_S) -> None:
        """Once stopping, and nothing is counted here any more: a last round. Returns within the limit.

        What it does not get to is still marked in Redis, for other workers and for the next start.
        """
        last = threading.Thread(target=self._finish, args=(monotonic() + limit_s,), daemon=True)
        last.start()
        last.join(limit_s)
        if last.is_alive():
            log.error("the counters could not be persisted within %g s; what is left stays in Redis", limit_s)

    def run_once(self) -> bool:
        """A round: all that is marked is kept. False where another worker is at it.

        Raises StoreUnavailable and QueueUnavailable; what is not kept by then stays marked.
        """
        self._restore()
        with asking(), self._marks.lease.held() as is_ours:
            if is_ours and self._state.is_ready():
                self._marks.mark_all_unless(self._identity())
                work = self._marks.take()
                if work is not None:
                    self._keep_all(work)
        return is_ours

    def _identity(self) -> bytes:
        """Of the place. One that has none was never persisted to, or has lost all."""
        identity = self._place.get(snapshot.IDENTITY)
        if identity is None:
            identity = uuid.uuid4().hex.encode()
            self._place.put(snapshot.IDENTITY, identity)
        return identity

    def _keep_all(self, work: Round) -> None:
        kept: list[str] = []  # names of counters
        first, others = self._in_order(work.marks)
        try:
            for marks in (first, others):
                crew.each(lambda mark: self._keep(mark, work.epoch, kept), marks)
        finally:
            self._marks.end(len(kept))

    def _in_order(self, marks: list[Mark]) -> tuple[list[Mark], list[Mark]]:
        """Goals before what they count: so none knows of more users of an event than the event's own counter."""
        goals_of = cache(lambda namespace: frozenset(map(rules.named_field, self._state.goals(namespace))))
        first = [mark for mark in marks if not mark.field or mark.field in goals_of(mark.namespace)]
        return first, sorted(set(marks) - set(first))

    def _keep(self, mark: Mark, epoch: bytes, kept: list[str]) -> None:
        read = self._state.read(epoch, mark.namespace, mark.field)
        if read is not None:
            self._place.put(snapshot.name_of(read), snapshot.pack(read))
        self._marks.kept(mark)
        if isinstance(read, CounterSnapshot):
            kept.append(read.field)

    def _run(self) -> None:
        self._attempt()
        while not self._pause(min(self._every_s, RETRY_S) if self._is_troubled else self._every_s):
            self._attempt()

    def _finish(self, deadline: float) -> None:
        if self._thread.is_alive():
            self._thread.join()
        while not self._attempt() and monotonic() < deadline:
            sleep(BUSY_WAIT_S)

    def _attempt(self) -> bool:
        """False where it is worth trying again at once: another worker is at it, and may have begun too early."""
        try:
            done = self.run_once()
        except CoinslotError as error:
            if not self._is_troubled:  # said once, not at each attempt
                log.warning("counters are neither restored nor persisted until this is over: %s", error)
            self._is_troubled = True
            return True
        if self._is_troubled:
            log.warning("counters are persisted again")
        self._is_troubled = False
        return done
