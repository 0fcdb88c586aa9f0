"""Counters in a real Redis, made by hand as lua/count.lua draws them, and a place that a test may meddle with."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import msgspec
import redis

from coinslot import redisclient
from coinslot.analytics.record import Layer, Record
from coinslot.analytics.restore import Restore
from coinslot.analytics.snapshot import IDENTITY
from coinslot.errors import StoreUnavailable
from coinslot.keys import Keys
from worker.persister import Persister

NOT_PERSISTED = ("dirty", "persisting", "persister", "restorer")  # below COUNTED
OF_THIS_RUN = (b"epoch", b"persisted", b"place")  # in COUNTED


STRANGE = "ü/ \t" + "𝄞" * 252  # as long as a name may be
ANY_BITS, OTHER_BITS = bytes(range(256)), b"\x00\x80" * 1000


class Counted:
    """The counters of one prefix. All that is made or changed is marked, as counting does."""

    def __init__(self, url: str, prefix: str) -> None:
        self.keys = Keys.of(prefix)
        self.redis: Any = redisclient.connect(url, timeout_s=5)

    def begin(self) -> Counted:
        self.redis.hset(self.keys.counted, "epoch", "the first")
        return self

    def put(
        self,
        namespace: str,
        field: str,
        number: int,
        *layers: bytes,
        count: int = 1,
        singles: dict[str, int] | None = None,
        sets: dict[str, int] | None = None,
    ) -> None:
        """A counter, new or changed."""
        filters = [Layer(m=8 * len(bits), block_bits=8, k=3, capacity=100, kept=count, bits=3) for bits in layers]
        kept = Record(number=number, count=count, scalable=True, error=0.001, layers=filters, sum=0.5)
        if self.redis.hset(self.key("counters", namespace), field, msgspec.msgpack.encode(kept)):
            self.redis.hincrby(self.keys.counted, "counters", 1)
        for layer, bits in enumerate(layers, 1):
            self.redis.set(self.key("bits", number, layer), bits)
        for kind, entries in (("singles", singles), ("sets", sets)):
            if entries:
                self.redis.hset(self.key(kind, number), mapping=entries)
        last = int(self.redis.hget(self.keys.counted, "last_number") or 0)
        self.redis.hset(self.keys.counted, "last_number", max(last, number))
        self.redis.sadd(self.key("namespaces"), namespace)
        self.mark(namespace, field)

    def make_goal(self, namespace: str, name: str) -> None:
        self.redis.sadd(self.key("goals", namespace), name)
        self.redis.sadd(self.key("namespaces"), namespace)
        self.mark(namespace)

    def mark(self, *what: str) -> None:
        self.redis.sadd(self.key("dirty"), msgspec.msgpack.encode(what))

    def marked(self) -> set[tuple[str, ...]]:
        """What would be kept by the next round."""
        members = self.redis.sunion(self.key("dirty"), self.key("persisting"))
        return {tuple(msgspec.msgpack.decode(member)) for member in members}

    def is_ready(self) -> bool:
        return bool(self.redis.hexists(self.keys.counted, "epoch"))

    def figure(self, name: str) -> int:
        return int(self.redis.hget(self.keys.counted, name) or 0)

    def dump(self) -> dict[str, Any]:
        """All that has to come back, by key."""
        left_out = {self.key(name) for name in NOT_PERSISTED}
        found = {key.decode(): self._value(key) for key in self.redis.scan_iter(f"{self.keys.counted}*", 1000)}
        known = found.get(self.keys.counted, {})
        found[self.keys.counted] = {name: value for name, value in known.items() if name not in OF_THIS_RUN}
        return {key: value for key, value in found.items() if key not in left_out}

    def lose(self) -> None:
        """As if Redis had been emptied."""
        if keys := list(self.redis.scan_iter(f"{self.keys.counted}*", 1000)):
            self.redis.unlink(*keys)

    def end_lease(self, of: str) -> None:
        """As if its holder had been dead or frozen for so long."""
        self.redis.unlink(self.key(of))

    def key(self, *parts: object) -> str:
        return ":".join(map(str, (self.keys.counted, *parts)))

    def persister(self, place: Shelf, pause: Callable[[float], bool] = lambda _: True) -> Persister:
        return Persister(self.redis, self.keys, place, self.restore(place), 60.0, pause)

    def restore(self, place: Shelf, pause: Callable[[float], object] = lambda _: None) -> Restore:
        return Restore(self.redis, self.keys, place, pause)

    def meddled(self, command: str, number: int, do: Callable[[], object]) -> Counted:
        """The same counters through a client of which the so many eth `command` has been answered when `do` is done."""
        client = redis.Redis(connection_pool=self.redis.connection_pool)
        answer, meddle = getattr(client, command), at(number, do)

        def answer_and_meddle(*arguments: object) -> object:
            value = answer(*arguments)
            meddle("")
            return value

        setattr(client, command, answer_and_meddle)
        other = copy(self)
        other.redis = client
        return other

    def _value(self, key: bytes) -> Any:
        match self.redis.type(key):
            case b"hash":
                return self.redis.hgetall(key)
            case b"set":
                return self.redis.smembers(key)
            case _:
                return self.redis.get(key)


class Shelf:
    """A place in memory. `before_put` and `before_get` are called with an object's name; while `away`, all fails."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.identity: bytes | None = None  # for itself, so that tests need not count it
        self.away = False
        self.put_names: list[str] = []
        self.before_put: Callable[[str], object] = lambda _: None
        self.before_get: Callable[[str], object] = lambda _: None

    def put(self, name: str, content: bytes) -> None:
        self._check()
        if name == IDENTITY:
            self.identity = content
            return
        self.before_put(name)
        self.objects[name] = content
        self.put_names.append(name)

    def get(self, name: str) -> bytes | None:
        self._check()
        if name == IDENTITY:
            return self.identity
        self.before_get(name)
        return self.objects.get(name)

    def names(self) -> list[str]:
        self._check()
        return list(self.objects)

    def _check(self) -> None:
        if self.away:
            raise StoreUnavailable("the shelf is away")


def once(do: Callable[[], object]) -> Callable[[str], object]:
    """For a place to call before it does something: does it the first time only."""
    left = [do]
    return lambda _: left.pop()() if left else None


def at(number: int, do: Callable[[], object]) -> Callable[[str], object]:
    """The same, at the so many eth time only."""
    calls = iter(range(1, 1_000_000))
    return lambda _: do() if next(calls) == number else None


def fail() -> None:
    raise StoreUnavailable("the shelf broke")


COUNTERS, OBJECTS = 5, 7  # of `fill`


def fill(counted: Counted) -> None:
    """One of each kind of counter, and goals of two namespaces, of which two nothing has counted yet."""
    counted.put("default", "n:visit", 1, ANY_BITS, OTHER_BITS, count=120)
    counted.put("default", "i:global_counter", 2, ANY_BITS, count=150)
    counted.put("default", "n:buy", 3, OTHER_BITS, count=7, singles={"1": 5, "4": 1}, sets={"": 2, "1": 4, "1,4": 1})
    counted.put("default", "w:202648:visit", 4, b"\x00" * 100, count=0)
    counted.put(STRANGE, f"n:{STRANGE}", 5, ANY_BITS)
    counted.make_goal("default", "buy")
    counted.make_goal("default", STRANGE)
    counted.make_goal("goals only", "buy")
