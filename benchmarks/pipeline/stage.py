"""A whole Coinslot to measure: Redis and MongoDB of one's own, and processes of ours where they are wanted."""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pymongo
import urllib3

from benchmarks import usage
from benchmarks.benchmark import Invalid
from benchmarks.cores import Cpus
from benchmarks.site import Site
from coinslot import redisclient
from coinslot.keys import Keys
from coinslot.ledger import Audit, Ledger
from coinslot.ports import free_port
from coinslot.settings import Settings
from coinslot.stack.process import Process
from coinslot.stack.servers import MongoServer, RedisServer

START_TIMEOUT_S = 20.0
REWRITE_TIMEOUT_S = 60.0
POLL_S = 0.01  # a look at the ledger takes Redis about 20 us
OURS = {name.upper() for name in Settings.names()}  # what a developer has set must not be measured


class Web(NamedTuple):
    """A web app that serves. `serving_pid` is below `pid`, which only watches it."""

    url: str
    port: int
    pid: int

    @property
    def serving_pid(self) -> int:
        return list(usage.tree(self.pid))[-1]


class Servers(NamedTuple):
    redis: RedisServer
    mongo: MongoServer


class Stage:
    """One Coinslot, with names of its own on the servers of a benchmark."""

    def __init__(self, site: Site, on: Servers, **settings: str) -> None:
        name = f"bench-{uuid.uuid4().hex[:12]}"
        self._site = site
        self.redis, self.mongo = on
        self.name = name
        servers = {"REDIS_URL": on.redis.url, "MONGODB_URL": on.mongo.url, "DB_NAME": name, "KEY_PREFIX": name}
        self._given = {"MODE": "prod", **servers, **settings}
        self.settings = Settings.load(**{name.lower(): value for name, value in self._given.items()})
        self.keys = Keys.of(name)
        self._client = redisclient.connect(on.redis.url, timeout_s=5)
        self._ledger = Ledger(self._client, self.keys, queue_is_on_redis=True)
        self._counting_ledger = Ledger(self._client, self.keys.of_analytics(), queue_is_on_redis=True)

    @contextmanager
    def worker(self, cpus: Cpus, **settings: str) -> Iterator[int]:
        """Its process id. `settings`: by variable, of this one alone."""
        with self._process("worker", cpus, **settings) as process:
            yield pid_of(process)

    @contextmanager
    def web(self, module: str, cpus: Cpus) -> Iterator[Web]:
        """`ingest`, `api` or `front`; it answers when the body begins."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        with self._process(module, cpus, PORT=str(port)) as process:
            until(lambda: answers(f"{url}/alive"), START_TIMEOUT_S, f"{module} does not answer")
            yield Web(url, port, pid_of(process))

    def audit(self) -> Audit:
        return self._ledger.audit()

    def wait_stored(self, events: int, timeout_s: float) -> None:
        """Until so many are stored, and no message is on its way any more."""
        until(lambda: _are_settled(self.audit(), events), timeout_s, f"not {events} events stored")

    def wait_counted(self, events: int, timeout_s: float) -> None:
        """The same of analytic events."""
        until(lambda: _are_settled(self._counting_ledger.audit(), events), timeout_s, f"not {events} events counted")

    def clear(self) -> None:
        """Remove all that this Coinslot has in the servers."""
        with pymongo.MongoClient[dict[str, Any]](self.mongo.url) as client:
            client.drop_database(self.name)
        if keys := [*self._client.scan_iter(f"*{self.name}*")]:
            self._client.delete(*keys)
        self._client.close()

    def rewrite(self) -> None:
        """Have Redis rewrite its file, as it does by itself whenever that has doubled."""
        self._client.bgrewriteaof()

        def is_done() -> bool:
            told: Any = self._client.info("persistence")
            return not (told["aof_rewrite_in_progress"] or told["aof_rewrite_scheduled"])

        until(is_done, REWRITE_TIMEOUT_S, "Redis has not rewritten its file")

    @contextmanager
    def _process(self, module: str, cpus: Cpus, **environment: str) -> Iterator[Process]:
        inherited = {name: value for name, value in os.environ.items() if name not in OURS}
        log = self._site.folder / f"{self.name}-{module}-{uuid.uuid4().hex[:6]}.log"
        command = [sys.executable, "-m", module]
        process = Process(module, command, env={**inherited, **self._given, **environment}, log=log)
        with self._site.running(process, cpus):
            yield process
            if not process.is_running():
                raise Invalid(f"{module} ended; its log ends with: {log.read_text(errors='replace')[-500:]}")


@contextmanager
def servers(site: Site, cpus: Cpus, *, rewrites: bool = True) -> Iterator[Servers]:
    """A Redis and a MongoDB of their own, as `coinslot up` starts them.

    rewrites: whether Redis rewrites its file whenever that has doubled, in whoever's round that is.
    """
    name = uuid.uuid4().hex[:6]
    redis = RedisServer(site.new_folder(f"redis-{name}"), auto_aof_rewrite_percentage=100 if rewrites else 0)
    mongo = MongoServer(site.new_folder(f"mongodb-{name}"))
    with site.running(redis, cpus), site.running(mongo, cpus):
        yield Servers(redis, mongo)


@contextmanager
def staged(site: Site, on: Servers, **settings: str) -> Iterator[Stage]:
    """A Coinslot that nothing has been stored in; nothing is left of it afterwards. `settings`: by variable."""
    stage = Stage(site, on, **settings)
    try:
        yield stage
    finally:
        stage.clear()


def _are_settled(audit: Audit, events: int) -> bool:
    if audit.dead:
        raise Invalid(f"{audit.dead} events died")
    return audit.stored >= events and not audit.queued


def until(is_so: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Raises Invalid if it is not so in time."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() >= deadline:
            raise Invalid(f"{what} within {timeout_s:g} s")
        time.sleep(POLL_S)


def answers(url: str) -> bool:
    """Whether a GET of it is answered with 200."""
    try:
        return urllib3.request("GET", url, retries=False, timeout=2).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def pid_of(process: Process) -> int:
    assert process.pid is not None
    return process.pid
