"""Redis: whether it can be reached, which it is, whether it keeps what it acknowledges, and its clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import redis
from redis.exceptions import NoPermissionError

from coinslot.doctor import clock, disk, machine
from coinslot.doctor.finding import Finding, ok, untold, wrong
from coinslot.doctor.redis_memory import memory
from coinslot.doctor.redis_persistence import persistence
from coinslot.redisclient import Errors
from coinslot.settings import Settings
from coinslot.stack.binaries import OLDEST_REDIS

NAME = "redis"


def examine(client: redis.Redis, settings: Settings, now: clock.Clock) -> Iterator[Finding]:
    """Nothing more is said of a Redis that does not say what it is."""
    try:
        info: Any = client.info()
    except Errors as error:
        yield _silent(address(client), error)
        return
    yield _version(address(client), info)
    if missing := lacking(info):
        yield untold(NAME, f"its INFO lacks {', '.join(missing)}", "use a Redis whose INFO has them")
        return
    yield _serves(info)
    if info["loading"]:
        return  # it says until then that it has no append-only file, and that nothing is in its memory
    yield from persistence(info, lambda directive: _config(client, directive))
    yield from memory(info, settings)
    yield _clock(client, settings, now)
    if machine.runs_redis(info["process_id"]):
        yield machine.overcommit()
        yield _disk(client, info)


def lacking(info: Mapping[str, Any]) -> list[str]:
    """What is gone by here and is not there: some hosts' stand-ins for Redis leave fields out."""
    fields = ["loading", "role", "process_id", "aof_enabled", "aof_last_write_status", "aof_last_bgrewrite_status"]
    fields += ["maxmemory", "maxmemory_policy", "used_memory", "total_system_memory"]
    return [field for field in fields if field not in info]


def address(client: redis.Redis) -> str:
    """Without user and password."""
    where = client.connection_pool.connection_kwargs
    return where.get("path") or f"{where.get('host')}:{where.get('port')}"


def _silent(where: str, error: Exception) -> Finding:
    if isinstance(error, NoPermissionError):
        seen = f"{where}: this user may not use INFO, without which every POST is refused"
        return wrong(NAME, seen, "let it: ACL SETUSER NAME +info, and ACL SAVE")
    if isinstance(error, redis.AuthenticationError):
        seen, remedy = f"{where} asks for a user or a password, or for others", "REDIS_URL=redis://USER:PASSWORD@HOST"
        return wrong(NAME, seen, remedy)
    return wrong(
        NAME,
        f"{where} cannot be reached: {error}",
        "start it (make up), or set REDIS_URL, or DATA_DIR to the folder of the stack that runs",
    )


def _version(where: str, info: dict[str, Any]) -> Finding:
    version = str(info["redis_version"])
    seen = f"Redis {version} at {where}"
    if tuple(int(part) for part in version.split(".")[:2]) >= OLDEST_REDIS:
        return ok(NAME, seen)
    oldest = ".".join(map(str, OLDEST_REDIS))
    return wrong(NAME, f"{seen} lacks XPENDING IDLE", f"upgrade to Redis {oldest} or newer")


def _serves(info: dict[str, Any]) -> Finding:
    name = "redis.serves"
    if info["loading"]:
        eta_s = info.get("loading_eta_seconds", "some")
        return wrong(name, f"it still loads its data, {eta_s} s to go: POSTs get 503", "wait")
    if info["role"] != "master":
        return wrong(name, "it is a replica, which takes no writes", "name its primary in REDIS_URL")
    return ok(name, "it takes writes")


def _config(client: redis.Redis, directive: str) -> str | None:
    """None where it may not be asked for, as at some hosts, or is not known to this version."""
    try:
        found: Any = client.config_get(directive)
    except redis.ResponseError:
        return None
    value = found.get(directive)
    return value.decode() if isinstance(value, bytes) else value


def _clock(client: redis.Redis, settings: Settings, now: clock.Clock) -> Finding:
    before_s = now()
    try:
        seconds, microseconds = client.time()
    except redis.ResponseError as error:
        return untold("redis.clock", error, "ACL SETUSER NAME +time")
    reading = clock.Reading(seconds + microseconds / 1e6, before_s, now())
    return clock.compare("redis.clock", "Redis'", reading, settings.ready_max_age_s)


def _disk(client: redis.Redis, info: dict[str, Any]) -> Finding:
    folder = _config(client, "dir")
    if folder is None:
        return untold("disk.redis", "this user may not use CONFIG GET", "ACL SETUSER NAME +config|get")
    return disk.folder("disk.redis", Path(folder), info["used_memory"])
