"""Whether Redis keeps what it acknowledges: a 201 rests on it (docs/deployment.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from coinslot.doctor.finding import Finding, ok, untold, warning, wrong

Config = Callable[[str], str | None]  # a directive's value; None where that may not be asked for


def persistence(info: Mapping[str, Any], config: Config) -> Iterator[Finding]:
    """`info` is what INFO says."""
    if info["aof_enabled"]:
        yield ok("redis.appendonly", "yes")
        yield _appendfsync(config("appendfsync"))
        yield from _sync_during_rewrite(config("no-appendfsync-on-rewrite"))
        yield _written(info)
        yield _rewritten(info)
    else:
        seen = "no: a Redis that ends takes with it every event since its last snapshot, acknowledged or not"
        yield wrong("redis.appendonly", seen, put("appendonly", "yes"))
    yield _eviction(info["maxmemory_policy"])


def put(directive: str, value: str) -> str:
    """How to set it now, and for the next start."""
    return f"redis-cli CONFIG SET {directive} {value}, and in redis.conf: {directive} {value}"


def _appendfsync(value: str | None) -> Finding:
    name = "redis.appendfsync"
    remedy = put("appendfsync", "always")
    if value is None:
        return untold(name, "CONFIG GET is not allowed", "ask whoever runs this Redis for appendfsync always")
    if value == "always":
        return ok(name, value)
    if value == "everysec":
        return warning(name, "everysec: faster, and a crash of its machine loses the last seconds", remedy)
    return wrong(name, f"{value}: the kernel decides when acknowledged events are on disk, after 30 s or so", remedy)


def _sync_during_rewrite(value: str | None) -> Iterator[Finding]:
    if value == "yes":  # where it may not be asked for, appendfsync has said so
        name = "no-appendfsync-on-rewrite"
        seen = "yes: while the append-only file is rewritten, nothing is synced, whatever appendfsync says"
        yield wrong(f"redis.{name}", seen, put(name, "no"))


def _written(info: Mapping[str, Any]) -> Finding:
    name = "redis.aof_write"
    if info["aof_last_write_status"] == "ok":
        return ok(name, "the last write to the append-only file went well")
    seen = "the last write to the append-only file failed: Redis takes no writes until one succeeds"
    return wrong(name, seen, "make room on its disk, and see its log")


def _rewritten(info: Mapping[str, Any]) -> Finding:
    name = "redis.aof_rewrite"
    if info["aof_last_bgrewrite_status"] == "ok":
        return ok(name, "the last rewrite of the append-only file went well")
    seen = "the last rewrite of the append-only file failed: it grows until the disk is full"
    return warning(name, seen, "see its log; make room in memory and on disk, then redis-cli BGREWRITEAOF")


def _eviction(policy: str) -> Finding:
    name, remedy = "redis.maxmemory-policy", put("maxmemory-policy", "noeviction")
    if policy == "noeviction":
        return ok(name, policy)
    if policy.startswith("volatile"):
        return warning(name, f"{policy}: a full Redis drops the counters of RATE_LIMIT", remedy)
    return wrong(name, f"{policy}: a full Redis drops queued events and the ledger without a word", remedy)
