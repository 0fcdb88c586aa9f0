"""A queue on a real Redis, with what a settlement moves, and no worker: tests settle by hand."""

from __future__ import annotations

from typing import Any

from coinslot import redisclient
from coinslot.changes import START, Feed
from coinslot.keys import Keys
from coinslot.ledger import Audit, Ledger
from coinslot.queue import Broker, Consumer, Publisher
from coinslot.settings import Settings
from worker.batch import Commit, open_commit
from worker.settlement import Settled, Settlement


class Bench:
    """A queue with messages in it, and what a settlement moves."""

    def __init__(self, settings: Settings) -> None:
        self.keys = Keys.of(settings.key_prefix)
        self.redis: Any = redisclient.connect(settings.redis_url, timeout_s=5)
        self.consumers: list[Consumer] = []
        self.publishers: list[Publisher] = []
        self.settings = settings
        self.publish = self.publisher()

    def publisher(self) -> Publisher:
        self.publishers.append(Broker(self.settings).publisher())
        return self.publishers[-1]

    def consumer(self) -> Consumer:
        self.consumers.append(Broker(self.settings).consumer())
        return self.consumers[-1]

    def read(self, consumer: Consumer, wait_s: float = 1.0) -> list[Commit]:
        consumer.read(wait_s)
        commits = [open_commit(message, self.settings.max_deliveries) for message in consumer.inbox]
        consumer.inbox.clear()
        return commits

    def settle(
        self,
        consumer: Consumer,
        settled: list[Settled],
        feed_max_events: int = 1000,
        feed_max_bytes: int = 10**8,
        dead_max_share: float = 0.1,
    ) -> int:
        settle = Settlement(
            self.redis,
            self.keys,
            lambda: consumer.name,
            feed_max_events,
            feed_max_bytes,
            lambda _: None,
            dead_max_share,
            queue_is_on_redis=True,
        )
        return len(settle(settled))

    def audit(self) -> Audit:
        return Ledger(self.redis, self.keys, queue_is_on_redis=True).audit()

    def fed(self) -> list[bytes]:
        return [change.event for change in Feed(self.redis, self.keys).read(START, 1000).changes]

    def close(self) -> None:
        for consumer in self.consumers:
            consumer.close()
        for publisher in self.publishers:
            publisher.close()
        self.redis.close()
