"""Where the queue is, and how to get to either end of it."""

from __future__ import annotations

from typing import Any

import kombu

from coinslot import redisstreams
from coinslot.keys import Keys
from coinslot.queue.consumer import Consumer
from coinslot.queue.publisher import Publisher
from coinslot.settings import Settings


class Broker:
    """Streams beside the feed, or what BROKER_URL names. Nothing connects before it is used.

    name: of one of the queues in Keys; by default that of events. That of analytic events is read in order: on a broker
    other than Redis by one consumer alone, while others stand by; on Redis lua/count.lua sees to it.
    """

    def __init__(self, settings: Settings, name: str = "") -> None:
        redisstreams.register()
        self._settings = settings
        keys = Keys.of(settings.key_prefix)
        name = name or keys.queue
        self._in_order = name == keys.analytics
        arguments: dict[str, Any] | None = None
        if not settings.queue_is_on_redis:
            arguments = {"x-queue-type": "quorum"}  # it counts deliveries
            arguments |= {"x-single-active-consumer": True} if self._in_order else {}
        self._queue = kombu.Queue(name, exchange=kombu.Exchange(""), routing_key=name, queue_arguments=arguments)

    def publisher(self) -> Publisher:
        return Publisher(self._connect, self._queue, self._settings.publish_timeout_s / 2)

    def check(self) -> None:
        """Return if the broker answers, on a connection made for this; raises QueueUnavailable."""
        publisher = self.publisher()
        try:
            publisher.depth()
        finally:
            publisher.close()

    def consumer(self) -> Consumer:
        return Consumer(self._connect, self._queue, prefetch=self._settings.batch_max_events)

    def _connect(self) -> kombu.Connection:
        settings, wait_s = self._settings, self._settings.publish_timeout_s / 2
        if settings.queue_is_on_redis:
            url = "redisstreams://"
            options: dict[str, Any] = {
                "redis_url": settings.redis_url,
                "timeout_s": wait_s,
                "claim_idle_s": settings.claim_idle_s,
                "claim_every_s": settings.claim_every_s,
                "in_order": self._in_order,
            }
        else:
            url = settings.broker_url
            options = {"confirm_publish": True, "read_timeout": wait_s, "write_timeout": wait_s}
        connection = kombu.Connection(url, connect_timeout=wait_s / 2, transport_options=options)
        return connection.ensure_connection(max_retries=0)
