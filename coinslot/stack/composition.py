"""Decides what a stack consists of: a server whose URL the environment does not name is brought along."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import coinslot
from coinslot.settings import Settings
from coinslot.stack.binaries import find_mongod, find_redis
from coinslot.stack.folder import DataFolder
from coinslot.stack.ports import check_port
from coinslot.stack.probe import FrontProbe
from coinslot.stack.process import Process
from coinslot.stack.servers import MongoServer, RedisServer
from coinslot.stack.stack import Stack, Voice

# -P: a front.py or worker.py in the user's current folder must not be taken for ours.
PYTHON = (sys.executable, "-P", "-m")


@dataclass(frozen=True, slots=True)
class Programs:
    """The commands of our own processes."""

    front: Sequence[str] = (*PYTHON, "front")
    worker: Sequence[str] = (*PYTHON, "worker")


def compose(
    settings: Settings,
    folder: DataFolder,
    environ: Mapping[str, str],
    *,
    workers: int,
    voice: Voice,
    programs: Programs = Programs(),
) -> Stack:
    """A stack that has not begun. `environ` is what its processes inherit. Raises CannotStart."""
    port = check_port(settings.host, settings.port)
    redis, mongo = _own_redis(settings, folder), _own_mongo(settings, folder)
    env = {**environ, "HOST": settings.host, "PORT": str(port), "DATA_DIR": str(folder.path)}
    env["PYTHONPATH"] = _python_path(environ)
    if redis:
        env["REDIS_URL"] = redis.url
    if mongo:
        env["MONGODB_URL"] = mongo.url
    elif _needs_mongo(settings):
        env["DB_BACKEND"] = "sqlite"
        voice.trouble(f"no mongod that runs here: events are stored with SQLite, in {folder.path}")

    def process(name: str, command: Sequence[str]) -> Process:
        return Process(name, command, env=env, keep_open=[folder.lock_fd])

    return Stack(
        servers=[server for server in (redis, mongo) if server],
        workers=[process(f"worker {number}", programs.worker) for number in range(1, workers + 1)],
        front=process("front", programs.front),
        probe=FrontProbe(settings.host, port),
        voice=voice,
        logs=folder.path / "logs",
    )


def _own_redis(settings: Settings, folder: DataFolder) -> RedisServer | None:
    if "redis_url" in settings.model_fields_set and settings.redis_url:
        return None
    data = folder.subfolder("redis")
    log = folder.subfolder("logs") / "redis.log"
    return RedisServer(data, binary=find_redis(data), log=log, keep_open=[folder.lock_fd])


def _own_mongo(settings: Settings, folder: DataFolder) -> MongoServer | None:
    if not _needs_mongo(settings):
        return None
    binary = find_mongod()
    if binary is None and "db_backend" not in settings.model_fields_set:
        return None
    log = folder.subfolder("logs") / "mongodb.log"
    return MongoServer(folder.subfolder("mongodb"), binary=binary, log=log, keep_open=[folder.lock_fd])


def _needs_mongo(settings: Settings) -> bool:
    named = settings.mongodb_url or ("db_host" in settings.model_fields_set and settings.db_host)
    return settings.db_backend == "mongodb" and not named


def _python_path(environ: Mapping[str, str]) -> str:
    """PYTHONPATH with which -P finds the code that this process runs, also in a checkout that is not installed."""
    root = str(Path(coinslot.__file__).parents[1])
    installed = root in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
    return os.pathsep.join(filter(None, ("" if installed else root, environ.get("PYTHONPATH"))))
