"""The counters, read from Redis. Their keys are drawn in lua/count.lua."""

from __future__ import annotations

from typing import Any

import msgspec
import redis

from coinslot import lua
from coinslot.analytics import record, users
from coinslot.analytics.asking import asking
from coinslot.analytics.counter import Counter, Kind, Namespace
from coinslot.analytics.counters import Counters, Durations
from coinslot.analytics.record import Record
from coinslot.keys import Keys

_KINDS: dict[str, Kind] = {"n": "named", "i": "internal", "w": "weekly"}


class RedisCounters(Counters):
    """One step of Redis' a call, so that what is told belongs together."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._redis = client
        self._counted = keys.counted
        self._holders = client.register_script(lua.source("filter", "holders"))
        self._read = client.register_script(lua.source("namespace"))
        self._make_goal = client.register_script(lua.source("make_goal"))

    def namespaces(self) -> list[str]:
        with asking():
            names: Any = self._redis.smembers(f"{self._counted}:namespaces")
        return sorted(name.decode() for name in names)

    def namespace(self, name: str) -> Namespace:
        with asking():
            return self._namespace(name)

    def events_of(self, namespace: str, user_id: str) -> list[str]:
        with asking():
            fields: Any = self._holders(keys=[self._counted], args=[namespace, *users.halves(user_id)])
        return sorted(_name(field.decode()) for field in fields)

    def make_goal(self, namespace: str, name: str) -> None:
        with asking():
            self._make_goal(keys=[self._counted], args=[namespace, name, msgspec.msgpack.encode([namespace])])

    def known(self) -> int:
        return int(self._of_all("counters")[0])

    def persisted(self) -> int:
        return int(self._of_all("persisted")[0])

    def durations(self) -> Durations:
        spent_us, events = self._of_all("spent_us", "spent_events")
        return Durations(float(spent_us), int(events))

    def _of_all(self, *fields: str) -> list[bytes]:
        with asking():
            values: Any = self._redis.hmget(self._counted, fields)
        return [value or b"0" for value in values]

    def _namespace(self, name: str) -> Namespace:
        entries, goals, reached = self._read(keys=[self._counted], args=[name])
        records = {field.decode(): record.decode(value) for field, value in _pairs(entries).items()}
        names = {record.number: _name(field) for field, record in records.items() if field.startswith("n:")}
        singles = {number: _pairs(of) for number, of, _ in reached}
        sets = {number: _pairs(of) for number, _, of in reached}
        counters = [
            _counter(field, record, singles.get(record.number, {}), sets.get(record.number, {}), names)
            for field, record in sorted(records.items())
        ]
        return Namespace(name, tuple(counters), tuple(sorted(goal.decode() for goal in goals)))


def _pairs(entries: list[bytes]) -> dict[bytes, bytes]:
    """Of a hash, as a script gives it."""
    return dict(zip(entries[::2], entries[1::2], strict=True))


def _counter(
    field: str, kept: Record, singles: dict[bytes, bytes], sets: dict[bytes, bytes], names: dict[int, str]
) -> Counter:
    kind = _KINDS[field[0]]
    before = {tuple(map(int, filter(None, numbers.split(b",")))): int(count) for numbers, count in sets.items()}
    return Counter(
        _name(field),
        kind,
        kept.count,
        kept.sum,
        {names[int(number)]: int(count) for number, count in singles.items()},
        {tuple(sorted(names[number] for number in numbers)): count for numbers, count in before.items()},
        kept=sum(layer.kept for layer in kept.layers),
        capacity=sum(layer.capacity for layer in kept.layers),
        saturated=kept.is_saturated,
        filter_bytes=sum((layer.m + 7) // 8 for layer in kept.layers),
        year=int(field[2:6]) if kind == "weekly" else 0,
        week=int(field[6:8]) if kind == "weekly" else 0,
    )


def _name(field: str) -> str:
    """Of the event, without its kind and week."""
    return field[9:] if field.startswith("w:") else field[2:]
