"""How often a filter takes somebody for known who was never counted, and how much memory it takes for that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from math import log, sqrt
from typing import Any

import msgspec

from coinslot import lua
from coinslot.analytics import rules, users
from tests.analytics.counting import Counted, event

SIGMAS = 3.0
A_CALL = 5000
NAME = "visit"

# Which of the users are held by the counter whose record is given.
HOLDING = """
local counter, found = cmsgpack.unpack(redis.call('HGET', KEYS[1] .. ':counters:default', ARGV[1])), 0
for _, user in ipairs(cmsgpack.unpack(ARGV[2])) do
  if holds(KEYS[1], counter, user) then found = found + 1 end
end
return found
"""


@dataclass(frozen=True)
class Accuracy:
    """Of one counter after so many users, as many as its filter was made for, and as many `strangers` asked for."""

    users: int
    error: float
    count: int
    strangers: int
    errors: int
    missed: int  # users who were counted and are not known
    layers: int
    filter_bytes: int  # as the counter tells it
    redis_bytes: int  # MEMORY USAGE of its layers
    theory_bytes: float  # -n ln p / ln(2)^2 bits, for as many users as it has room for

    @property
    def share(self) -> float:
        return self.errors / self.strangers

    @property
    def allowed(self) -> float:
        """The largest share that a filter with just the configured error shows once in about 700 such measurements.

        Strangers are independent of each other given the filter, so errors are binomial: the configured share and three
        standard deviations of its sample.
        """
        return self.error + SIGMAS * sqrt(self.error * (1 - self.error) / self.strangers)

    @property
    def allocated_bytes(self) -> float:
        """What Redis may take at most: jemalloc has four sizes between powers of two, and a key takes some, too."""
        return 1.25 * self.filter_bytes + 200 * self.layers

    def __str__(self) -> str:
        return (
            f"{self.users:>9,} users: counted {self.count:>9,}, taken for known {self.share:.5f} of {self.error:g}; "
            f"{self.filter_bytes:>9,} bytes, {self.filter_bytes / self.theory_bytes:.2f} x theory "
            f"(in Redis {self.redis_bytes / self.theory_bytes:.2f})"
        )


def measure(counted: Counted, number: int, *, strangers: int) -> Accuracy:
    """Counts so many users in one counter, which is then asked for them, and for as many strangers."""
    people = (f"user {n}" for n in range(number))
    while some := list(islice(people, A_CALL)):
        counted.put_all([event(user, NAME) for user in some], A_CALL)
    counted.drain(counted.loop())
    counter = counted.named(NAME)
    rule = counted.settings.counters[0]
    return Accuracy(
        users=number,
        error=rule.error_probability,
        count=counter.count,
        strangers=strangers,
        errors=_held(counted, (f"stranger {n}" for n in range(strangers))),
        missed=number - _held(counted, (f"user {n}" for n in range(number))),
        layers=len(_layers(counted)) // 2,
        filter_bytes=counter.filter_bytes,
        redis_bytes=sum(counted.redis.memory_usage(key) for key in _layers(counted)) // 2,
        theory_bytes=-counter.capacity * log(rule.error_probability) / log(2) ** 2 / 8,
    )


def _held(counted: Counted, people: Iterator[str]) -> int:
    ask: Any = counted.redis.register_script(lua.source("filter") + HOLDING)
    found = 0
    while some := tuple(islice(people, A_CALL)):
        found += ask(keys=[counted.keys.counted], args=[rules.named_field(NAME), _halves(some)])
    return found


@lru_cache(40)  # strangers are the same each time
def _halves(people: tuple[str, ...]) -> bytes:
    return msgspec.msgpack.encode([users.halves(user) for user in people])


def _layers(counted: Counted) -> list[bytes]:
    """Of this counter and of the namespace's, which are alike."""
    return list(counted.redis.scan_iter(f"{counted.keys.counted}:bits:*"))
