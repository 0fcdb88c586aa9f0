"""The composition root of the counting loop, and the thread that it runs in beside the other."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from coinslot import redisclient
from coinslot.analytics.rules import Rules
from coinslot.events import EventCheck
from coinslot.integration.event_stream import EventStream
from coinslot.keys import Keys
from coinslot.queue import Broker
from coinslot.settings import Settings
from worker.counting.bank import ROOM_BYTES, Banking
from worker.counting.loop import Counting
from worker.counting.step import Step

log = logging.getLogger("coinslot.worker.counting")

STEP_TIMEOUT_S = 4.0  # as for a settlement: to count again is harmless


def create_counting(
    settings: Settings, restore: Callable[[], None], stream: EventStream, stop: threading.Event
) -> Counting:
    """A counting loop that runs until `stop`. Nothing connects before it does.

    restore: as Counting's. stream: is told what was counted.
    """
    keys = Keys.of(settings.key_prefix)
    consumer = Broker(settings, keys.analytics).consumer()
    client = redisclient.connect(settings.redis_url, timeout_s=STEP_TIMEOUT_S)

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


class CountingThread(threading.Thread):
    """Runs the loop until it ends. Should a fault of ours end it, then the process ends, too, and is started again."""

    def __init__(self, counting: Counting, stop: threading.Event) -> None:
        super().__init__(name="counting", daemon=True)  # should it hang, then not at the end
        self._counting = counting
        self._stop_all = stop
        self.failed = False

    def run(self) -> None:
        try:
            self._counting.run()
        except Exception:
            self.failed = True
            log.exception("counting has failed, so this worker stops")
        finally:
            self._stop_all.set()
