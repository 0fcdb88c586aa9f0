"""Counting on a real Redis and in this process: a queue of analytic events, and loops that a test steps by hand."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from coinslot import lua, redisclient
from coinslot.analytics.counter import Counter, Namespace
from coinslot.analytics.redis_counters import RedisCounters
from coinslot.analytics.rules import Rules
from coinslot.event_check import EventCheck
from coinslot.keys import GROUP, Keys, ledger_of
from coinslot.queue import Broker, Consumer
from coinslot.settings import Settings
from tests.pipeline import until
from worker.counting.bank import ROOM_BYTES, Banking
from worker.counting.loop import Counting
from worker.counting.step import COUNT, Step

Event = Mapping[str, Any]

# A worker that counts what it has, whatever came before.
UNORDERED = COUNT.replace("return #own == 0 and 'lost' or 'early'", "return #own == 0 and 'lost' or ''")
assert UNORDERED != COUNT


def event(user: str, name: str, **fields: Any) -> Event:
    return {"user_id": user, "event_name": name, **fields}


class Counted:
    """The queue of analytic events, and what they were counted to. Nothing is counted before a loop is stepped."""

    def __init__(self, **settings: Any) -> None:
        self.settings = Settings.load(
            **{"claim_idle_s": 0.05, "claim_every_s": 0.01, "publish_timeout_s": 10, **settings}
        )
        self.keys = Keys.of(self.settings.key_prefix)
        self.redis: Any = redisclient.connect(self.settings.redis_url, timeout_s=30)
        self.counters = RedisCounters(self.redis, self.keys)
        self.restore: Callable[[], None] = self.begin
        self._ends: list[Callable[[], None]] = []
        self._consumers: dict[Counting, Consumer] = {}
        self._publish = Broker(self.settings, self.keys.analytics).publisher()
        self._ends.append(self._publish.close)
        self.begin()

    def begin(self) -> None:
        """An epoch: without one nothing is counted."""
        self.redis.hsetnx(self.keys.counted, "epoch", "1")

    def put(self, *events: Event) -> None:
        """One message."""
        self._publish(msgspec.json.encode(events), len(events))

    def put_all(self, events: Sequence[Event], most: int, *, least: int = 0, seed: int = 1) -> None:
        """In messages of so many events, put at once: to have each on Redis' disk before the next takes long."""
        chance, at = random.Random(seed), 0
        pipeline = self.redis.pipeline(transaction=False)
        put, keys = self.redis.register_script(lua.source("put")), [self.keys.analytics, ledger_of(self.keys.analytics)]
        while at < len(events):
            message = events[at : at + chance.randint(least or most, most)]
            put(keys=keys, args=[msgspec.json.encode(message), len(message), "{}"], client=pipeline)
            at += len(message)
        pipeline.execute()

    def put_raw(self, body: bytes, events: int = 1) -> None:
        self._publish(body, events)

    def loop(self, source: str = "") -> Counting:
        """One more consumer. source: of the script, if not ours."""
        consumer = Broker(self.settings, self.keys.analytics).consumer()
        self._ends.append(consumer.close)
        most, source = self.settings.counters_max, source or COUNT
        step = Step(self.redis, self.keys, lambda: consumer.name, most, queue_is_on_redis=True, source=source)
        bank = Banking(EventCheck(self.settings.max_event_bytes + ROOM_BYTES)) if self.settings.bank_analytics else None
        loop = Counting(
            consumer, step, Rules(self.settings.counters), bank, lambda: self.restore(), lambda _: None, lambda: False,
            lambda _: None, consumer.reconnect, self.settings.max_deliveries,
        )  # fmt: skip
        self._consumers[loop] = consumer
        return loop

    def holder(self) -> Consumer:
        """Takes what is queued into its hands, and counts nothing."""
        consumer = Broker(self.settings, self.keys.analytics).consumer()
        self._ends.append(consumer.close)
        until(lambda: consumer.read(0.05) or consumer.inbox)
        return consumer

    def count(self, *messages: Sequence[Event]) -> Namespace:
        """Put these, and count all that is queued; the default namespace."""
        for message in messages:
            self.put(*message)
        self.drain(self.loop())
        return self.namespace()

    def drain(self, *loops: Counting, steps: int = 10_000) -> None:
        """Step the loops in turn until nothing is queued."""
        for at in range(steps):
            if not self.queued():
                return
            loops[at % len(loops)].run_once()
        raise AssertionError(f"not counted after {steps} steps")

    def drain_at_random(self, loops: Sequence[Counting], seed: int) -> None:
        """Step any of the loops, over and over, until nothing is queued; none that would only wait."""
        chance = random.Random(seed)
        while self.queued():
            loop = chance.choice(loops)
            if self._has_work(loop):
                loop.run_once()

    def _has_work(self, loop: Counting) -> bool:
        (group,) = self.redis.xinfo_groups(self.keys.analytics) or [{"lag": None}]
        name = self._consumers[loop].name
        return group["lag"] != 0 or bool(self.redis.xpending_range(self.keys.analytics, GROUP, "-", "+", 1, name))

    def namespace(self, name: str = "default") -> Namespace:
        return self.counters.namespace(name)

    def named(self, name: str) -> Counter:
        return self.namespace().named()[name]

    def queued(self) -> int:
        """Messages."""
        return int(self.redis.xlen(self.keys.analytics))

    def banked(self) -> list[dict[str, Any]]:
        """The events in the queue of events."""
        return [each for _, of in self.redis.xrange(self.keys.queue) for each in msgspec.json.decode(of[b"body"])]

    def ledger_of_events(self) -> dict[str, int]:
        return self._ledger(self.keys.ledger)

    def _ledger(self, key: str) -> dict[str, int]:
        return {field.decode(): int(value) for field, value in self.redis.hgetall(key).items() if field != b"epoch"}

    def ledger(self) -> dict[str, int]:
        """That of the analytic events, without the epoch; fails unless it balances."""
        ledger = self._ledger(ledger_of(self.keys.analytics))
        settled = sum(ledger.get(field, 0) for field in ("stored", "dead", "queued"))
        assert ledger.get("accepted", 0) == settled, ledger
        return ledger

    def letters(self) -> list[tuple[bytes, str, int]]:
        """Payload, reason, and how many events it holds, of each dead letter."""
        entries = self.redis.xrange(f"{self.keys.analytics}:dead")
        return [(of[b"payload"], of[b"reason"].decode(), int(of[b"events"])) for _, of in entries]

    def state(self) -> dict[bytes, bytes]:
        """All that a worker which has lost its messages must not change."""
        keys = [*self.redis.scan_iter(f"{self.keys.counted}*"), ledger_of(self.keys.analytics).encode()]
        return {key: self.redis.dump(key) for key in keys}

    def forget(self) -> None:
        """As if Redis had been emptied."""
        for key in self.redis.scan_iter(f"{{{self.settings.key_prefix}}}*"):
            self.redis.delete(key)

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
