"""Counting on a real Redis and in this process: a queue of analytic events, and loops that a test steps by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from coinslot import lua, redisclient
from coinslot.analytics.counter import Counter, Namespace
from coinslot.analytics.redis_counters import RedisCounters
from coinslot.analytics.rules import Rules
from coinslot.events import EventCheck
from coinslot.keys import GROUP, Keys, ledger_of
from coinslot.queue import Broker
from coinslot.settings import Settings
from worker.counting.bank import Banking
from worker.counting.loop import Counting
from worker.counting.step import Step

Event = Mapping[str, Any]


def event(user: str, name: str, **fields: Any) -> Event:
    return {"user_id": user, "event_name": name, **fields}


class Counted:
    """The queue of analytic events, and what they were counted to. Nothing is counted before a loop is stepped."""

    def __init__(self, **settings: Any) -> None:
        self.settings = Settings.load(claim_idle_s=0.05, claim_every_s=0.01, **settings)
        self.keys = Keys.of(self.settings.key_prefix)
        self.redis: Any = redisclient.connect(self.settings.redis_url, timeout_s=30)
        self.counters = RedisCounters(self.redis, self.keys)
        self.restored = 0
        self._ends: list[Callable[[], None]] = []
        self._publish = Broker(self.settings, self.keys.analytics).publisher()
        self._ends.append(self._publish.close)
        self.begin()

    def begin(self) -> None:
        """An epoch: without one nothing is counted."""
        self.redis.hsetnx(self.keys.counted, "epoch", "1")

    def put(self, *events: Event) -> None:
        """One message."""
        self._publish(msgspec.json.encode(events), len(events))

    def put_all(self, events: Sequence[Event], a_message: int) -> None:
        for first in range(0, len(events), a_message):
            self.put(*events[first : first + a_message])

    def put_raw(self, body: bytes, events: int = 1) -> None:
        self._publish(body, events)

    def loop(self, source: str = "") -> Counting:
        """One more consumer. source: of the script, if not ours."""
        consumer = Broker(self.settings, self.keys.analytics).consumer()
        self._ends.append(consumer.close)
        step = Step(self.redis, self.keys, lambda: consumer.name, self.settings.counters_max, queue_is_on_redis=True)
        if source:
            step._script = self.redis.register_script(source)
        bank = Banking(EventCheck(self.settings.max_event_bytes)) if self.settings.bank_analytics else None
        return Counting(
            consumer, step, Rules(self.settings.counters), bank, self._restore, None, lambda: False,
            lambda _: None, consumer.reconnect, self.settings.max_deliveries,
        )  # fmt: skip

    def _restore(self) -> None:
        self.restored += 1
        self.begin()

    def count(self, *messages: Sequence[Event]) -> Namespace:
        """Put these, and count all that is queued; the default namespace."""
        for message in messages:
            self.put(*message)
        self.drain(self.loop())
        return self.namespace()

    def drain(self, *loops: Counting, steps: int = 10_000) -> None:
        """Step the loops in turn until nothing is queued."""
        for at in range(steps):
            if not self.redis.xlen(self.keys.analytics):
                return
            loops[at % len(loops)].run_once()
        raise AssertionError(f"not counted after {steps} steps")

    def namespace(self, name: str = "default") -> Namespace:
        return self.counters.namespace(name)

    def named(self, name: str) -> Counter:
        return self.namespace().named()[name]

    def ledger(self) -> dict[str, int]:
        """Without the epoch; fails unless it balances."""
        fields = self.redis.hgetall(ledger_of(self.keys.analytics))
        ledger = {field.decode(): int(value) for field, value in fields.items() if field != b"epoch"}
        settled = sum(ledger.get(field, 0) for field in ("stored", "dead", "queued"))
        assert ledger.get("accepted", 0) == settled, ledger
        return ledger

    def letters(self) -> list[tuple[bytes, str, int]]:
        """Payload, reason, and how many events it holds, of each dead letter."""
        entries = self.redis.xrange(f"{self.keys.analytics}:dead")
        return [(of[b"payload"], of[b"reason"].decode(), int(of[b"events"])) for _, of in entries]

    def close(self) -> None:
        for end in reversed(self._ends):
            end()
        self.redis.close()


def shown(namespace: Namespace) -> Namespace:
    """Without what an exact reference knows nothing of, in the reference's order."""
    order = {"internal": 0, "named": 1, "weekly": 2}
    bare = [
        msgspec.structs.replace(counter, kept=0, capacity=0, saturated=False, filter_bytes=0)
        for counter in namespace.counters
    ]
    bare.sort(key=lambda counter: (order[counter.kind], counter.name, counter.year, counter.week))
    return msgspec.structs.replace(namespace, counters=tuple(bare))
