"""What a worker is made of, handed what it needs. Nothing of it connects before it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

from coinslot import redisclient
from coinslot.analytics.places.selection import open_place
from coinslot.analytics.restore import Restore
from coinslot.analytics.rules import Rules
from coinslot.dead_letters import DeadLetters
from coinslot.event_check import EventCheck
from coinslot.halt import Halt
from coinslot.integration.event_stream import EventStream
from coinslot.keys import Keys
from coinslot.queue import Broker
from coinslot.removal.changes import FedEvents
from coinslot.removal.letters import DeadEvents
from coinslot.removal.record import Record
from coinslot.settings import Settings
from coinslot.store import Bank, Expiring, Keeping
from worker.batch import Batcher
from worker.counting.bank import ROOM_BYTES, Banking
from worker.counting.loop import Counting
from worker.counting.step import Step
from worker.failpoint import failpoint
from worker.loop import Worker
from worker.persister import Persister
from worker.recant import Recant
from worker.retention import Retention
from worker.settlement import Settlement

SETTLE_TIMEOUT_S = 4.0  # long: a batch may carry megabytes, and to settle or to count it twice is harmless
HALT_TIMEOUT_S = 1.0


def create_worker(settings: Settings, store: Bank, stop: threading.Event) -> Worker:
    """The loop that stores, until `stop`."""
    reached = failpoint(settings.failpoint)
    consumer = Broker(settings).consumer()
    batcher = Batcher(
        consumer,
        monotonic,
        settings.batch_max_events,
        settings.batch_max_bytes,
        settings.batch_max_age_ms / 1000,
        settings.max_deliveries,
    )
    settler = redisclient.connect(settings.redis_url, timeout_s=SETTLE_TIMEOUT_S)
    asker, keys = redisclient.connect(settings.redis_url, timeout_s=HALT_TIMEOUT_S), Keys.of(settings.key_prefix)

    def reconnect() -> None:
        consumer.reconnect()
        redisclient.disconnect(settler)
        redisclient.disconnect(asker)

    settlement = Settlement(
        settler,
        keys,
        lambda: consumer.name,
        settings.feed_max_events,
        settings.feed_max_bytes,
        reached,
        settings.dead_max_share,
        queue_is_on_redis=settings.queue_is_on_redis,
    )
    return Worker(
        consumer,
        batcher,
        store,
        settlement,
        stop.is_set,
        stop.wait,
        reached,
        Halt(asker, keys).check,
        Recant(Record(settler, keys).all, store),
        reconnect,
    )


def create_counting(
    settings: Settings, restore: Callable[[], None], stream: EventStream, stop: threading.Event
) -> Counting:
    """The loop that counts, until `stop`.

    restore: as Counting's. stream: is told what was counted.
    """
    keys = Keys.of(settings.key_prefix)
    consumer = Broker(settings, keys.analytics).consumer()
    client = redisclient.connect(settings.redis_url, timeout_s=SETTLE_TIMEOUT_S)

    def reconnect() -> None:
        consumer.reconnect()
        redisclient.disconnect(client)

    step = Step(
        client,
        keys,
        lambda: consumer.name,
        settings.counters_max,
        queue_is_on_redis=settings.queue_is_on_redis,
    )
    return Counting(
        consumer,
        step,
        Rules(settings.counters),
        Banking(EventCheck(settings.max_event_bytes + ROOM_BYTES)) if settings.bank_analytics else None,
        restore,
        stream.send,
        stop.is_set,
        stop.wait,
        reconnect,
        settings.max_deliveries,
    )


def create_retention(settings: Settings, store: Expiring, stop: threading.Event) -> Retention:
    """The worker's part in retention, until `stop`."""
    client, keys = redisclient.connect(settings.redis_url, timeout_s=SETTLE_TIMEOUT_S), Keys.of(settings.key_prefix)
    feed = FedEvents(client, keys)
    letters = [DeadEvents(DeadLetters(client, each)) for each in keys.by_queue().values()]
    return Retention(
        settings.retention_days, [store.expire, feed.expire, *(each.expire for each in letters)], stop.wait
    )


def create_persister(settings: Settings, store: Keeping, stop: threading.Event) -> tuple[Restore, Persister]:
    """What brings the counters back, and what keeps them until `stop`."""
    client, keys = redisclient.connect(settings.redis_url, timeout_s=SETTLE_TIMEOUT_S), Keys.of(settings.key_prefix)
    place = open_place(settings, store)
    restore = Restore(client, keys, place, stop.wait)
    return restore, Persister(client, keys, place, restore, settings.persist_every_s, stop.wait)
