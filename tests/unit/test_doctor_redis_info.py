"""What Redis' own words mean for what was acknowledged; the words of real ones are in tests/integration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from coinslot.doctor import redis
from coinslot.doctor.finding import Finding
from coinslot.doctor.redis_memory import memory
from coinslot.doctor.redis_persistence import persistence
from coinslot.settings import Settings
from tests.findings import not_ok

MIB = 1024 * 1024
GOOD = {
    "aof_enabled": 1,
    "aof_last_write_status": "ok",
    "aof_last_bgrewrite_status": "ok",
    "maxmemory_policy": "noeviction",
    "maxmemory": 1024 * MIB,
    "used_memory": 10 * MIB,
    "total_system_memory": 4096 * MIB,
}
SYNCED = {"appendfsync": "always", "no-appendfsync-on-rewrite": "no"}


def findings(info: dict[str, Any], config: dict[str, str], **settings: object) -> Iterator[Finding]:
    yield from persistence({**GOOD, **info}, {**SYNCED, **config}.get)
    yield from memory({**GOOD, **info}, Settings.load(**settings))


def test_positive_control_a_good_redis_has_nothing_that_is_not_ok() -> None:
    assert not_ok(findings({}, {})) == {}


@pytest.mark.parametrize(
    ("info", "config", "name", "state"),
    [
        ({"aof_enabled": 0}, {}, "redis.appendonly", "wrong"),
        ({}, {"appendfsync": "everysec"}, "redis.appendfsync", "warning"),
        ({}, {"appendfsync": "no"}, "redis.appendfsync", "wrong"),
        ({}, {"no-appendfsync-on-rewrite": "yes"}, "redis.no-appendfsync-on-rewrite", "wrong"),
        ({"aof_last_write_status": "err"}, {}, "redis.aof_write", "wrong"),
        ({"aof_last_bgrewrite_status": "err"}, {}, "redis.aof_rewrite", "warning"),
        ({"maxmemory_policy": "allkeys-lru"}, {}, "redis.maxmemory-policy", "wrong"),
        ({"maxmemory_policy": "volatile-ttl"}, {}, "redis.maxmemory-policy", "warning"),
        ({"maxmemory": 0}, {}, "redis.maxmemory", "warning"),
    ],
)
def test_each_fault_is_found_alone(info: dict[str, Any], config: dict[str, str], name: str, state: str) -> None:
    assert not_ok(findings(info, config)) == {name: state}


@pytest.mark.parametrize(("used_mib", "state"), [(614, None), (615, "warning"), (819, "warning"), (820, "wrong")])
def test_memory_is_measured_against_what_posts_are_refused_at(used_mib: int, state: str | None) -> None:
    found = not_ok(findings({"used_memory": used_mib * MIB}, {}, redis_memory_max_share=0.8))

    assert found.get("redis.memory") == state


@pytest.mark.parametrize(("feed_mib", "state"), [(409, None), (410, "warning"), (819, "warning"), (820, "wrong")])
def test_so_is_the_feed(feed_mib: int, state: str | None) -> None:
    found = not_ok(findings({}, {}, redis_memory_max_share=0.8, feed_max_bytes=feed_mib * MIB))

    assert found.get("redis.feed") == state


def test_the_feed_that_is_advised_is_small_enough() -> None:
    (advice,) = [each.remedy for each in findings({}, {}, feed_max_bytes=900 * MIB) if each.name == "redis.feed"]
    feed_bytes = int(advice.partition("=")[2].split()[0])

    assert not_ok(findings({}, {}, feed_max_bytes=feed_bytes)) == {}


def test_what_a_stand_in_for_redis_leaves_out_is_named() -> None:
    whole = {**GOOD, "loading": 0, "role": "master", "process_id": 7}

    assert redis.lacking(whole) == []
    assert redis.lacking({name: value for name, value in whole.items() if name != "maxmemory"}) == ["maxmemory"]
