"""The stage of the mixed run: all of Coinslot, on servers whose disks are small and whose networks fail on command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from coinslot.stack.process import Process
from coinslot.stack.servers import RedisServer
from tests.faults.campaign import QUICK_CLAIMS
from tests.faults.poison import RULES
from tests.faults.proxy import Proxy
from tests.faults.replica_set import ReplicaSet
from tests.faults.small_disk import MIB, SmallDisk, small_disk
from tests.faults.test_mongodb_faults import FILLS_ITS_DISK
from tests.pipeline import Pipeline

READERS = 3
REDIS_DISK_BYTES, MONGODB_DISK_BYTES = 512 * MIB, 4096 * MIB
BACKLOG_MAX_MESSAGES = 1000  # so few that an outage of the store may reach it
POISON = RULES["validator"]


@dataclass(frozen=True)
class Stage:
    """`readers` are the pipeline's workers; each proxy is the only way there, that of the members to each other too."""

    pipeline: Pipeline
    readers: list[Process]
    redis: RedisServer
    redis_disk: SmallDisk
    to_redis: Proxy
    mongodb: ReplicaSet
    mongodb_disk: SmallDisk
    to_mongodb: list[Proxy]
    to_api: Proxy

    @property
    def processes(self) -> list[Process]:
        """Everything that may be killed."""
        api = self.pipeline.api
        assert api
        return [*self.readers, self.pipeline.front, api, self.redis, *self.mongodb.members]


@contextmanager
def staged(folder: Path, prefix: str) -> Iterator[Stage]:
    """Readers die of some messages (tests/faults/allergic_worker.py), and the store refuses poison."""
    with ExitStack() as stack:
        redis_disk = stack.enter_context(small_disk(folder / "redis", REDIS_DISK_BYTES))
        redis = RedisServer(redis_disk.folder, log=folder / "redis.log")
        redis.start()
        stack.callback(redis.stop)
        redis.wait_ready()
        to_redis = stack.enter_context(Proxy(redis.url))
        to_mongodb: list[Proxy] = []

        def reach(url: str) -> str:
            to_mongodb.append(stack.enter_context(Proxy(url)))
            return to_mongodb[-1].url

        mongodb_disk = stack.enter_context(small_disk(folder / "mongodb", MONGODB_DISK_BYTES))
        mongodb = stack.enter_context(ReplicaSet(mongodb_disk.folder, arguments=FILLS_ITS_DISK, reach=reach))
        environment = {"REDIS_URL": to_redis.url, "KEY_PREFIX": prefix, "MONGODB_URL": mongodb.url, "DB_NAME": prefix}
        # So many deadly messages would halt the workers, as they should.
        limits = {"BACKLOG_MAX_MESSAGES": str(BACKLOG_MAX_MESSAGES), "DEAD_MAX_SHARE": "1"}
        pipeline = stack.enter_context(Pipeline(folder, environment | QUICK_CLAIMS | limits, workers=0, api=True))
        to_api = stack.enter_context(Proxy(pipeline.api_url))
        POISON.lay(pipeline)
        readers = [
            pipeline.process("tests.faults.allergic_worker", name=f"reader-{n}", ALLERGY="store")
            for n in range(READERS)
        ]
        for each in readers:
            each.start()
        yield Stage(pipeline, readers, redis, redis_disk, to_redis, mongodb, mongodb_disk, to_mongodb, to_api)
