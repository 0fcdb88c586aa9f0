"""What lies behind the HTTP servers, how it is emptied, and how many events it holds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import pymongo
import redis

from benchmarks import usage
from benchmarks.site import Site
from coinslot.stack.servers import MongoServer, RedisServer

PAGE = 1000
DATABASE = "bench"


@dataclass(frozen=True)
class Backends:
    """A Redis and a MongoDB that all subjects of a benchmark share, one after the other."""

    redis_server: RedisServer
    mongo_server: MongoServer
    redis: Any
    mongo: pymongo.MongoClient[dict[str, Any]]

    def clear(self) -> None:
        """Leave nothing behind that the next subject would pay for."""
        for collection in self.mongo[DATABASE].list_collection_names():
            self.mongo[DATABASE].drop_collection(collection)
        self.redis.flushall()
        self.redis.bgrewriteaof()
        while self.redis.info("persistence")["aof_rewrite_in_progress"]:
            time.sleep(0.01)

    def cpu_us(self) -> int:
        """Processor time of the two so far."""
        return sum(usage.cpu_us(server.pid) for server in (self.redis_server, self.mongo_server) if server.pid)

    def stream_length(self, key: str) -> int:
        """Of a stream that holds an event an entry."""
        length: int = self.redis.xlen(key)
        return length

    def list_length(self, key: str) -> int:
        length: int = self.redis.llen(key)
        return length

    def committed(self, key: str) -> int:
        """The events in Coinslot's queue: each entry's body is an array of them. Read, not taken from its ledger."""
        events, last = 0, "-"
        while page := self.redis.xrange(key, last, count=PAGE):
            events += sum(len(msgspec.json.decode(fields[b"body"], type=list[msgspec.Raw])) for _, fields in page)
            last = f"({page[-1][0].decode()}"
        return events

    def documents(self, collection: str) -> int:
        return self.mongo[DATABASE][collection].count_documents({})


@contextmanager
def backends(site: Site, appendfsync: str) -> Iterator[Backends]:
    # Redis would rewrite its file when it has grown, in whoever's round that is: `clear` does so between them.
    redis_server = RedisServer(site.new_folder("redis"), appendfsync=appendfsync, auto_aof_rewrite_percentage=0)
    mongo_server = MongoServer(site.new_folder("mongodb"))
    with (
        site.running(redis_server, site.cores.load),
        site.running(mongo_server, site.cores.load),
        redis.Redis.from_url(redis_server.url, socket_timeout=30) as client,
        pymongo.MongoClient[dict[str, Any]](mongo_server.url) as mongo,
    ):
        yield Backends(redis_server, mongo_server, client, mongo)
