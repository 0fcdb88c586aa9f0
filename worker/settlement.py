"""The last step of a batch: dead letters, feed, ledger and acknowledgement (lua/settle.lua)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import redis

from coinslot import lua
from coinslot.dead_letters import MAX_REASON_CHARACTERS
from coinslot.errors import Halted, QueueUnavailable
from coinslot.events import Dead, Event
from coinslot.halt import told
from coinslot.keys import GROUP, Keys
from coinslot.redisclient import Errors
from coinslot.store import DUPLICATE, STORED, Outcome
from worker.batch import Commit


@dataclass(slots=True)
class Settled:
    """What a message comes to. `new` are the events that were not in the store before."""

    commit: Commit
    new: list[Event] = field(default_factory=list)
    duplicate: int = 0
    dead: list[tuple[bytes, str, int]] = field(default_factory=list)  # payload, reason, events in it
    changes: list[bytes] = field(default_factory=list)

    @property
    def stored(self) -> int:
        return len(self.new)

    def arguments(self) -> list[bytes | str | int]:
        """As settle.lua takes them."""
        commit = self.commit
        arguments: list[bytes | str | int] = [commit.id, commit.size]
        # What is replayed says nothing of what comes in, so the limit passes it over.
        arguments += (int(commit.is_counted), int(not commit.is_replayed))
        arguments += (self.stored, self.duplicate, commit.deliveries)
        arguments += ("" if commit.received_at_ms is None else commit.received_at_ms, len(self.dead))
        for payload, reason, events in self.dead:
            arguments += (payload, reason[:MAX_REASON_CHARACTERS], events)
        arguments.append(len(self.changes))
        arguments += self.changes
        return arguments


def tally(commit: Commit, outcomes: Sequence[Outcome], *, tried: bool) -> Settled:
    """One outcome for each of the commit's events.

    A duplicate is no change, and followers are spared it, unless the batch was `tried` before: then the one who
    stored it may have died, or given up, before telling them.
    """
    if outcomes.count(STORED) == len(commit.events):
        return Settled(commit, commit.events, changes=[event.raw for event in commit.events])
    settled = Settled(commit)
    for event, outcome in zip(commit.events, outcomes, strict=True):
        if isinstance(outcome, Dead):
            settled.dead.append((event.raw, outcome.reason, 1))
            continue
        if outcome is STORED or tried:
            settled.changes.append(event.raw)
        if outcome is STORED:
            settled.new.append(event)
        settled.duplicate += outcome is DUPLICATE
    return settled


def dead_message(commit: Commit, reason: str) -> Settled:
    """A whole message that goes to dead letters."""
    return Settled(commit, dead=[(commit.message.body, reason, commit.size)])


class Settlement:
    """Settles batches; a message that is no longer this worker's is left alone, whole.

    consumer: this worker's name in the queue's group. dead_max_share: of the events settled of late. Raises
    QueueUnavailable; what had been settled by then is passed over when the batch is settled again.
    """

    def __init__(
        self,
        client: redis.Redis,
        keys: Keys,
        consumer: Callable[[], str],
        feed_max_events: int,
        feed_max_bytes: int,
        reached: Callable[[str], None],
        dead_max_share: float,
        *,
        queue_is_on_redis: bool,
    ) -> None:
        self._script = client.register_script(lua.source("settle"))
        self._keys = [keys.queue, keys.ledger, keys.dead, keys.feed]
        self._consumer = consumer
        self._channel = keys.channel
        self._bounds = (feed_max_events, feed_max_bytes, dead_max_share)
        self._reached = reached
        self._group = GROUP if queue_is_on_redis else ""

    def __call__(self, settled: Sequence[Settled]) -> set[str]:
        """Returns the ids of the messages that were still this worker's. Raises Halted, and then none is settled."""
        arguments: list[bytes | str | int | float] = [self._group, self._consumer(), self._channel, *self._bounds]
        for each in settled:
            arguments += each.arguments()
        try:
            ids, why, reason = self._script(keys=self._keys, args=arguments)
        except Errors as error:
            raise QueueUnavailable(f"the batch cannot be settled: {error}") from error
        if why:
            raise Halted(told(why, reason))
        self._reached("settled")
        return {id.decode() for id in ids}
