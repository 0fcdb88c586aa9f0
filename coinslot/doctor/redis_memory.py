"""Redis' memory: how much it has, how much is filled, and whether the feed leaves room for a queue.

POSTs are refused from REDIS_MEMORY_MAX_SHARE on. The share is that of maxmemory or, without one, of all the machine's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from coinslot.doctor.finding import Finding, ok, warning, wrong
from coinslot.doctor.redis_persistence import put
from coinslot.doctor.size import readable
from coinslot.settings import Settings

NEAR_SHARE = 0.75  # of what POSTs are refused at
FEED_MAX_SHARE = 0.5  # likewise; the rest is for the queue, dead letters, and what a stream takes besides


def memory(info: Mapping[str, Any], settings: Settings) -> Iterator[Finding]:
    """`info` is what INFO says."""
    max_bytes = info["maxmemory"] or info["total_system_memory"]
    refused_at_bytes = max_bytes * settings.redis_memory_max_share
    yield _maxmemory(info, max_bytes)
    yield _used(info["used_memory"], refused_at_bytes)
    yield _feed(settings.feed_max_bytes, refused_at_bytes)


def _maxmemory(info: Mapping[str, Any], max_bytes: int) -> Finding:
    if info["maxmemory"]:
        return ok("redis.maxmemory", readable(max_bytes))
    return warning(
        "redis.maxmemory",
        f"none: POSTs are refused by the share of all {readable(max_bytes)} of its machine, which others use as well",
        put("maxmemory", str(max_bytes // 2)) + " (or half of what Redis may have)",
    )


def _used(used_bytes: int, refused_at_bytes: float) -> Finding:
    name = "redis.memory"
    seen = f"{readable(used_bytes)} used; POSTs are refused at {readable(refused_at_bytes)}"
    remedy = "run more workers, replay or drop dead letters, lower FEED_MAX_BYTES, or raise maxmemory"
    if used_bytes >= refused_at_bytes:
        return wrong(name, seen, remedy)
    if used_bytes >= refused_at_bytes * NEAR_SHARE:
        return warning(name, seen, remedy)
    return ok(name, seen)


def _feed(feed_bytes: int, refused_at_bytes: float) -> Finding:
    name = "redis.feed"
    seen = f"FEED_MAX_BYTES={feed_bytes} ({readable(feed_bytes)}) of {readable(refused_at_bytes)}"
    remedy = f"FEED_MAX_BYTES={int(refused_at_bytes * FEED_MAX_SHARE)} or less for all processes, or more maxmemory"
    if feed_bytes >= refused_at_bytes:
        return wrong(name, f"{seen} at which POSTs are refused: a full feed refuses them for good", remedy)
    if feed_bytes > refused_at_bytes * FEED_MAX_SHARE:
        return warning(name, f"{seen} at which POSTs are refused: a full feed leaves little for the queue", remedy)
    return ok(name, f"{seen} at which POSTs are refused")
