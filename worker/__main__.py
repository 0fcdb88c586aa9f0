"""python -m worker: the composition root of the worker. It banks events, and counts analytic ones in another thread.

Exit status: 0 it was told to stop; 1 a fault of ours ended it; 2 it cannot start; 3 so many events died that it
stopped. Started again after that, it waits until somebody has resumed.
"""

from __future__ import annotations

import gc
import logging
import signal
import sys
import threading
from time import monotonic

from coinslot import redisclient
from coinslot.analytics.places.selection import open_place
from coinslot.analytics.restore import Restore
from coinslot.dead_letters import DeadLetters
from coinslot.errors import Halted
from coinslot.halt import Halt
from coinslot.integration.event_stream import create_event_stream
from coinslot.keys import Keys
from coinslot.queue import Broker
from coinslot.removal.changes import FedEvents
from coinslot.removal.letters import DeadEvents
from coinslot.removal.record import Record
from coinslot.settings import Settings
from coinslot.start import starting
from coinslot.store import Bank, Expiring, Keeping, open_store
from worker.batch import Batcher
from worker.counting.create import CountingThread, create_counting
from worker.failpoint import failpoint
from worker.loop import Worker
from worker.persister import Persister
from worker.recant import Recant
from worker.retention import Retention
from worker.settlement import Settlement

log = logging.getLogger("coinslot.worker")

FAILED, HALTED = 1, 3
ENDS_S = 5.0  # what is not counted by then is counted again, and what is not persisted is so later
SETTLE_TIMEOUT_S = 4.0  # long: a batch may carry megabytes, and to settle twice is harmless
HALT_TIMEOUT_S = 1.0
# More than a batch usually makes of its events, which go with it: to look through them finds nothing.
COLLECT_AT_OBJECTS = 50_000


def create_worker(settings: Settings, store: Bank, stop: threading.Event) -> Worker:
    """A worker that runs until `stop`. Nothing connects before it does."""
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


def main() -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with starting():
        settings = Settings.load()
        store = open_store(settings)
        worker, retention = create_worker(settings, store, stop), create_retention(settings, store, stop)
        restore, persister = create_persister(settings, store, stop)
        stream = create_event_stream(settings)
        counting = CountingThread(create_counting(settings, restore, stream, stop), stop)
    logging.basicConfig(
        level=logging.WARNING if settings.mode == "prod" else logging.INFO,
        format="worker: %(levelname)s %(message)s",
    )
    retention.start()
    counting.start()
    persister.start()
    gc.freeze()  # what is there by now stays, and need not be looked through
    gc.set_threshold(COLLECT_AT_OBJECTS)
    try:
        worker.run()
    except Halted as halted:
        log.critical(
            "HALTED: %s. So this worker has stopped and handed its messages back; none is lost, and more are accepted. "
            "Mend what is wrong (`coinslot dead list` has the reasons), then: coinslot dead resume",
            halted,
        )
        sys.exit(HALTED)
    finally:
        stop.set()
        ends_at = monotonic() + ENDS_S
        counting.join(ENDS_S)
        if counting.is_alive():
            log.error("counting has not ended within %g s; what it was at is counted again", ENDS_S)
        stream.close()
        persister.finish(max(0.0, ends_at - monotonic()))
    sys.exit(FAILED if counting.failed else 0)


if __name__ == "__main__":
    main()
