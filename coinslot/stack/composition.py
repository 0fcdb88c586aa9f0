"""Decides what a stack consists of: a server whose URL the environment does not name is brought along."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

import coinslot
from coinslot.binding import listen_address
from coinslot.settings import Settings
from coinslot.stack.binaries import find_mongod
from coinslot.stack.folder import DataFolder
from coinslot.stack.probe import FrontProbe
from coinslot.stack.process import Process
from coinslot.stack.servers import MongoServer, RedisServer, Server
from coinslot.stack.stack import Stack, Voice

# -P: a front.py or worker.py in the user's current folder must not be taken for ours.
FRONT = (sys.executable, "-P", "-m", "front")
WORKER = (sys.executable, "-P", "-m", "worker")


def compose(
    settings: Settings,
    folder: DataFolder,
    environ: Mapping[str, str],
    *,
    workers: int,
    voice: Voice,
    logged: bool = False,
) -> Stack:
    """A stack that has not begun. Raises CannotStart.

    `environ` is what its processes inherit; `logged`: what front and workers say goes to files like that of the
    servers, and not to stderr.
    """
    address, port = listen_address(settings)
    ours = {"HOST": address, "PORT": str(port), "DATA_DIR": str(folder.path)}
    if settings.api_auth == "disable":
        ours["API_AUTH"] = "disable"
    servers: list[Server] = []
    if not settings.names_redis:
        redis = _own_redis(folder)
        servers.append(redis)
        ours["REDIS_URL"] = redis.url
    if settings.db_backend == "mongodb" and not settings.names_mongodb:
        if reason := _reason_for_sqlite(settings, folder):
            voice.trouble(reason)
            ours["DB_BACKEND"] = "sqlite"
        else:
            mongo = _own_mongodb(folder)
            servers.append(mongo)
            ours["MONGODB_URL"] = mongo.url
    probe = FrontProbe(settings.host, port)
    folder.tell({**ours, "COINSLOT_URL": probe.nearest_url})
    env = {**environ, "API_PORT": "", **ours, "PYTHONPATH": _python_path(environ)}

    def program(name: str, command: Sequence[str]) -> Process:
        log = folder.subfolder("logs") / f"{name}.log" if logged else None
        return Process(name, command, env=env, log=log, keep_open=[folder.lock_fd])

    return Stack(
        servers=servers,
        workers=[program(f"worker {number}", WORKER) for number in range(1, workers + 1)],
        front=program("front", FRONT),
        probe=probe,
        voice=voice,
        logs=folder.path / "logs",
    )


def _reason_for_sqlite(settings: Settings, folder: DataFolder) -> str | None:
    """Why SQLite stands in for MongoDB. It never does where MongoDB was asked for, or holds the folder's events."""
    if "db_backend" in settings.model_fields_set or (folder.path / "mongodb").exists():
        return None
    if (folder.path / "events.sqlite").exists():  # as coinslot.store.selection names it
        return f"events stay in SQLite, where those in {folder.path} are; with DB_BACKEND=mongodb they would be left"
    if find_mongod() is None:
        return f"no mongod that runs here: events are stored with SQLite, in {folder.path}"
    return None


def _own_redis(folder: DataFolder) -> RedisServer:
    log = folder.subfolder("logs") / "redis.log"
    # Without maxmemory it would grow until the kernel ends a process. The other half is for MongoDB, the front and the
    # workers, and for what changes while Redis rewrites its file.
    half_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return RedisServer(folder.subfolder("redis"), log=log, keep_open=[folder.lock_fd], maxmemory=half_bytes)


def _own_mongodb(folder: DataFolder) -> MongoServer:
    log = folder.subfolder("logs") / "mongodb.log"
    server = MongoServer(folder.path / "mongodb", log=log, keep_open=[folder.lock_fd])
    folder.subfolder("mongodb")  # after it is certain that there is a mongod: the folder counts as events
    return server


def _python_path(environ: Mapping[str, str]) -> str:
    """PYTHONPATH with which -P finds the code that this process runs, also in a checkout that is not installed."""
    root = str(Path(coinslot.__file__).parents[1])
    installed = root in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
    return os.pathsep.join(filter(None, ("" if installed else root, environ.get("PYTHONPATH"))))
