"""Everything that can go wrong on a stage, by name. None waits until all is well again: the next may come on top."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from subprocess import CalledProcessError

import msgspec
import redis
import urllib3
from pymongo.errors import PyMongoError

from coinslot.selftest.load import Load
from coinslot.stack.process import Process
from tests.faults.campaign import Campaign
from tests.faults.frozen import freeze, wake
from tests.faults.lying_disk import LyingDisk
from tests.faults.network import INGEST_TO_REDIS, WORKERS_TO_MONGODB, WORKERS_TO_REDIS
from tests.faults.poison import bad_fields
from tests.faults.proxy import Loss, Proxy
from tests.faults.small_disk import MIB, SmallDisk
from tests.faults.stage import MONGODB_DISK_BYTES, REDIS_DISK_BYTES, Stage
from tests.pipeline import until

UP_TIMEOUT_S = 90.0
STALE_S = 2.0  # longer than CLAIM_IDLE_S: others take over meanwhile
FULL_S, FILLING_S = 2.0, 20.0
SYNC_S = 0.1
FROZEN_MONGODB_S = 15.0  # longer than workers wait for an answer, and than the others wait for the primary
SILENCE_S = (0.5, 12.0)
LOSSES, LOSSES_SHARE, LOSSES_S = 20, 0.5, 5.0
SURGE_S = 2.0

Actions = dict[str, Callable[[], None]]


class Troubles:
    """`ours` befall processes of ours and their clients, `theirs` the servers and networks: one of each at a time.

    `lost_replies` and `lost_bytes` tell what has been taken away, `deadly` the events that kill their readers.
    """

    def __init__(self, stage: Stage, campaign: Campaign, seed: int) -> None:
        self.lost_bytes = 0
        self.deadly: list[str] = []
        self._stage = stage
        self._campaign = campaign
        self._random = random.Random(seed)
        self._losses: list[Loss] = []

    @property
    def lost_replies(self) -> int:
        return sum(loss.lost for loss in self._losses)

    def ours(self) -> Actions:
        stage = self._stage
        assert stage.pipeline.api
        return {
            "worker killed": lambda: self._a_reader().kill(),
            "worker frozen": self._freeze_reader,
            "front killed": stage.pipeline.front.kill,
            "api killed": stage.pipeline.api.kill,
            "follower cut off": stage.to_api.cut,
            "deadly message": self._send_deadly,
            "surge": self._surge,
        }

    def theirs(self) -> Actions:
        stage = self._stage
        return {
            "redis killed": lambda: self._up(stage.redis).kill(),
            "redis out of memory": self._fill_memory,
            "redis' disk full": lambda: self._fill_disk(stage.redis_disk, "redis", REDIS_DISK_BYTES // 2),
            "redis' disk slow, then its power off": self._power_failure,
            "redis silent": lambda: self._silence([stage.to_redis]),
            "primary killed": lambda: stage.mongodb.primary().kill(),
            "primary steps down": self._step_down,
            "primary frozen": self._freeze_primary,
            "mongodb's disk full": lambda: self._fill_disk(stage.mongodb_disk, "mongodb", MONGODB_DISK_BYTES // 4),
            "mongodb silent": lambda: self._silence(stage.to_mongodb),
            "replies lost": self._lose_replies,
            "connections cut": self._cut,
        }

    def _a_reader(self) -> Process:
        reader = self._random.choice(self._stage.readers)
        until(reader.is_running, timeout_s=UP_TIMEOUT_S)
        return reader

    def _freeze_reader(self) -> None:
        reader = self._a_reader()
        with suppress(ProcessLookupError):  # something else has killed it just now
            freeze(reader)
            time.sleep(STALE_S)
            wake(reader)

    def _send_deadly(self) -> None:
        id, journal = f"deadly-{uuid.uuid4().hex}-0", self._campaign.journal
        self.deadly.append(id)
        event = {"_id": id, "timestamp": int(time.time() * 1000), "deadly": True}
        try:
            answer = self._stage.pipeline.post(msgspec.json.encode(event))
        except urllib3.exceptions.HTTPError:
            journal.forget([id])
            return
        if answer.status == 201:
            journal.acknowledge([id])
        else:
            journal.refuse([id], answer.status)

    def _surge(self) -> None:
        url, journal = self._stage.pipeline.url, self._campaign.journal
        with Load(url, journal, threads=8, events_per_post=20, pause_s=0.0, more=bad_fields):
            time.sleep(SURGE_S)

    def _up(self, server: Process) -> Process:
        until(self._stage.redis.ping, timeout_s=UP_TIMEOUT_S, what="redis up")
        return server

    def _fill_memory(self) -> None:
        self._up(self._stage.redis)
        with redis.Redis.from_url(self._stage.redis.url) as client:
            client.config_set("maxmemory", 1)
            time.sleep(FULL_S)
            client.config_set("maxmemory", 0)

    def _fill_disk(self, disk: SmallDisk, name: str, space_bytes: int) -> None:
        """By the load, until a server has ended itself for it."""
        deaths, deadline = len(self._campaign.deaths), time.monotonic() + FILLING_S
        while time.monotonic() < deadline and not any(d.startswith(name) for d in self._campaign.deaths[deaths:]):
            with suppress(CalledProcessError):  # more of it is in use by now than it was to be large
                disk.leave(min(disk.free_bytes, MIB // 4))
            time.sleep(0.2)
        time.sleep(FULL_S)
        disk.leave(space_bytes)

    def _power_failure(self) -> None:
        self._up(self._stage.redis)
        with redis.Redis.from_url(self._stage.redis.url) as client:
            client.config_set("auto-aof-rewrite-percentage", 0)  # the trace follows one file
            until(lambda: not client.info("persistence")["aof_rewrite_in_progress"], timeout_s=UP_TIMEOUT_S)
        disk = LyingDisk(self._stage.redis, self._stage.redis_disk.folder, SYNC_S).attach()
        time.sleep(FULL_S)
        with self._campaign.restarting:  # it must not read its file before what was not synced is gone
            disk.fail()
        self.lost_bytes += disk.lost_bytes

    def _step_down(self) -> None:
        self._stage.mongodb.wait_whole()
        with suppress(PyMongoError):  # the others lag too far behind
            self._stage.mongodb.step_down()

    def _freeze_primary(self) -> None:
        primary = self._stage.mongodb.primary()
        freeze(primary)
        time.sleep(FROZEN_MONGODB_S)
        wake(primary)

    def _silence(self, proxies: Iterable[Proxy]) -> None:
        for proxy in proxies:
            proxy.swallow(requests=self._random.random() < 0.5)
        time.sleep(self._random.uniform(*SILENCE_S))
        late = self._random.random() < 0.5
        for proxy in proxies:
            proxy.heal(late=late)

    def _lose_replies(self) -> None:
        to_redis = [*INGEST_TO_REDIS.losses(LOSSES, LOSSES_SHARE), *WORKERS_TO_REDIS.losses(LOSSES, LOSSES_SHARE)]
        to_mongodb = WORKERS_TO_MONGODB.losses(LOSSES, LOSSES_SHARE)
        self._losses += [*to_redis, *to_mongodb]
        self._stage.to_redis.lose(*to_redis)
        for proxy in self._stage.to_mongodb:
            proxy.lose(*to_mongodb)
        time.sleep(LOSSES_S)
        for proxy in (self._stage.to_redis, *self._stage.to_mongodb):
            proxy.lose()

    def _cut(self) -> None:
        for proxy in (self._stage.to_redis, *self._stage.to_mongodb):
            proxy.cut()
