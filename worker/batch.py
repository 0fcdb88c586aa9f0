"""The batch: messages that are written together, bounded by events, bytes and age."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import time

from coinslot.errors import QueueUnavailable
from coinslot.events import BadEvent, Event, glance, trusted
from coinslot.queue import Consumer, Message
from worker.envelope import Envelope


@dataclass(slots=True)
class Commit(Envelope):
    """A message, opened: the events of one commit, in order. `fault` says why it could not, or must not, be opened."""

    events: list[Event]
    fault: str = ""

    @property
    def size(self) -> int:
        """How many events were accepted with it."""
        return self.size_of(len(self.events), self.fault)


@dataclass(slots=True)
class Batch:
    """Commits, with what may already have happened to them."""

    commits: list[Commit] = field(default_factory=list)
    tried: bool = False  # an earlier attempt may have stored some of it, and told nobody

    @property
    def events(self) -> list[Event]:
        return [event for commit in self.commits for event in commit.events]


class Batcher:
    """Reads messages into batches.

    A message that was delivered before, or was a dead letter, makes a batch of its own: should it crash the worker, or
    be fed twice, then without company.
    """

    def __init__(
        self,
        consumer: Consumer,
        clock: Callable[[], float],
        max_events: int,
        max_bytes: int,
        max_age_s: float,
        max_deliveries: int,
    ) -> None:
        self._consumer = consumer
        self._clock = clock
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._max_deliveries = max_deliveries

    def next(self, wait_s: float) -> Batch | None:
        """The next batch, or None if no message came within `wait_s`; raises QueueUnavailable."""
        inbox = self._consumer.inbox
        if not inbox:
            self._consumer.read(wait_s)
        if not inbox:
            return None
        if _tried(inbox[0]):
            return Batch([open_commit(inbox.popleft(), self._max_deliveries)], tried=True)
        return self._fill(Batch())

    def _fill(self, batch: Batch) -> Batch:
        """With what is there. Nothing is waited for: while this batch is written, the next one gathers in the queue."""
        inbox, events, size_bytes = self._consumer.inbox, 0, 0
        until = self._clock() + self._max_age_s
        while events < self._max_events and size_bytes < self._max_bytes:
            if not inbox and (self._clock() >= until or not self._reads_more()):
                break
            if _tried(inbox[0]):
                break
            commit = open_commit(inbox.popleft(), self._max_deliveries)
            batch.commits.append(commit)
            events += commit.size
            size_bytes += len(commit.message.body)
        return batch

    def _reads_more(self) -> bool:
        try:
            self._consumer.read(0)
        except QueueUnavailable:
            return False  # what the batch holds already must not be forgotten; the next read tells again
        return bool(self._consumer.inbox)


def open_commit(message: Message, max_deliveries: int) -> Commit:
    """Never raises for what is in the queue: that is either events or a dead letter.

    A message that was delivered more often is not looked into: that may be what its readers died of.
    """
    commit = Commit(message, [])
    if commit.deliveries > max_deliveries:
        commit.fault = f"delivered {commit.deliveries} times and never settled"
        return commit
    # An id that was given by hand may say anything, and nothing was received in the future.
    now_ms = int(time() * 1000)
    received_at_ms = now_ms if commit.received_at_ms is None else min(commit.received_at_ms, now_ms)
    try:
        if not commit.is_counted:  # somebody else has put it there: it dies as a whole, not event by event
            glance(message.body)
        commit.events = trusted(message.body, received_at_ms)
    except BadEvent as error:
        commit.fault = f"message cannot be read: {error}"
    return commit


def _tried(message: Message) -> bool:
    return bool(message.delivery_info.get("redelivered") or message.headers.get("tried"))
