"""The names of everything in Redis. One hash tag keeps them on one node of a cluster, where scripts need them."""

from __future__ import annotations

from typing import NamedTuple

GROUP = "workers"  # the consumer group of every queue
EVENTS, ANALYTICS = "events", "analytics"  # the queues, as clients name them


class Keys(NamedTuple):
    """`queue` and `analytics` are also the queues' names on other brokers. `ledger` and `dead` are those of `queue`.

    Shapes are drawn in lua/put.lua and lua/settle.lua, those of the counters in lua/count.lua.
    """

    queue: str
    ledger: str
    dead: str
    feed: str
    channel: str
    rate: str  # drawn in coinslot/access/rate.py
    erasures: str  # drawn in coinslot/removal/record.py
    analytics: str  # the queue of analytic events
    counted: str  # what is known of all counters; those of a namespace begin with it
    feature_specs: str  # drawn in coinslot/features/specs.py

    @classmethod
    def of(cls, prefix: str) -> Keys:
        queue, feed, rate = f"{{{prefix}}}:events", f"{{{prefix}}}:feed", f"{{{prefix}}}:rate"
        erasures = f"{{{prefix}}}:erasures"
        analytics = f"{{{prefix}}}:analytics"
        return cls(
            queue, ledger_of(queue), dead_of(queue), feed, f"{prefix}:changes", rate, erasures,
            analytics, f"{{{prefix}}}:counted", f"{{{prefix}}}:features",
        )  # fmt: skip

    def of_analytics(self) -> Keys:
        """The same for whoever looks after the queue of analytic events."""
        return self._replace(queue=self.analytics, ledger=ledger_of(self.analytics), dead=dead_of(self.analytics))

    def by_queue(self) -> dict[str, Keys]:
        """For whoever looks after either queue: its name to clients, and the keys to look after it with."""
        return {EVENTS: self, ANALYTICS: self.of_analytics()}


def dead_of(queue: str) -> str:
    return f"{queue}:dead"


def ledger_of(queue: str) -> str:
    """The transport counts what enters a queue of any name, so the ledger's key follows from it."""
    return f"{queue}:ledger"
