"""SIGTERM while counting is held up, and faults of its own: the worker ends, and says how."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from coinslot import redisclient
from coinslot.keys import GROUP, Keys
from coinslot.ledger import Ledger
from coinslot.queue import Broker, Publisher
from coinslot.settings import Settings
from coinslot.stack.process import Process
from coinslot.stack.servers import RedisServer
from tests.faults.frozen import freeze, wake
from tests.pipeline import Pipeline, until

ENDS_S = 11.0  # 4 s at most for what the worker is at, 5 s to count and persist, and some
CLAIM_IDLE_S = 30  # the default
FAILED = 1
WEEKLY = msgspec.json.encode([{"date_cohort": "weekly"}]).decode()
OURS = {"body": '[{"event_name":"seen","user_id":"u"}]', "events": "1", "meta": "{}"}
BEYOND_TIME = {**OURS, "received_at_ms": "9" * 15}  # which is in no week


class Stage:
    """Workers that are not started yet, over a Redis of their own with analytic events in the queue."""

    def __init__(self, redis: RedisServer, prefix: str, folder: Path) -> None:
        settings = Settings.load(redis_url=redis.url, key_prefix=prefix)
        environment = {"REDIS_URL": redis.url, "KEY_PREFIX": prefix, "DB_BACKEND": "sqlite", "CLAIM_EVERY_S": "0.1"}
        self.pipeline = Pipeline(folder, environment, workers=1)
        self.keys = Keys.of(prefix)
        self.redis: Any = redisclient.connect(redis.url, timeout_s=5)
        self._ledger = Ledger(self.redis, self.keys.of_analytics(), queue_is_on_redis=True)
        self._publish: Publisher = Broker(settings, self.keys.analytics).publisher()

    def count(self, user: str) -> None:
        self._publish(msgspec.json.encode([{"event_name": "seen", "user_id": user}]), 1)

    def stored(self) -> int:
        return self._ledger.audit().stored

    def pending(self) -> list[dict[str, Any]]:
        """Messages in somebody's hands, each with how long they are there unattended."""
        pending: list[dict[str, Any]] = self.redis.xpending_range(self.keys.analytics, GROUP, "-", "+", 100)
        return pending

    def close(self) -> None:
        self.pipeline.stop()
        self._publish.close()
        self.redis.close()


@pytest.fixture
def stage(redis_of_its_own: RedisServer, prefix: str, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(redis_of_its_own, prefix, tmp_path)
    yield stage
    stage.close()


def counting(stage: Stage) -> Process:
    """A worker that has counted an event."""
    worker = stage.pipeline.workers[0]
    worker.start()
    stage.count("first")
    until(lambda: stage.stored() == 1, timeout_s=20, what=f"counted; {stage.pipeline.logs()}")
    return worker


def stop(worker: Process) -> int | None:
    worker.terminate()
    until(lambda: not worker.is_running(), timeout_s=ENDS_S, what="its end")
    return worker.exit_code()


def test_while_redis_is_down(stage: Stage, redis_of_its_own: RedisServer) -> None:
    worker = counting(stage)
    redis_of_its_own.kill()
    time.sleep(0.5)  # until it waits

    assert stop(worker) == 0


def test_while_redis_is_silent(stage: Stage, redis_of_its_own: RedisServer) -> None:
    worker = counting(stage)
    freeze(redis_of_its_own)
    time.sleep(0.5)  # until it waits

    code = stop(worker)
    wake(redis_of_its_own)

    assert code == 0


def test_while_another_restores(stage: Stage) -> None:
    stage.redis.set(f"{stage.keys.counted}:restorer", "somebody else", px=60_000)
    worker = stage.pipeline.workers[0]
    worker.start()
    stage.count("one")
    until(lambda: stage.redis.exists(stage.keys.analytics) and stage.pending(), timeout_s=20, what="read")

    code = stop(worker)

    (handed_back,) = stage.pending()
    assert code == 0
    assert handed_back["time_since_delivered"] >= CLAIM_IDLE_S * 1000
    assert stage.stored() == 0


def test_while_another_counts_what_came_before_it_hands_back_what_it_has(stage: Stage) -> None:
    stage.count("before")
    stage.redis.xreadgroup(GROUP, "somebody frozen", {stage.keys.analytics: ">"})
    stage.count("later")
    worker = stage.pipeline.workers[0]
    worker.start()
    until(lambda: len(stage.pending()) == 2, timeout_s=20, what="read")

    code = stop(worker)

    theirs, handed_back = stage.pending()
    assert code == 0
    assert stage.stored() == 0
    assert handed_back["time_since_delivered"] >= CLAIM_IDLE_S * 1000 > theirs["time_since_delivered"]


def test_a_message_on_which_counting_fails_ends_workers_with_status_1_and_is_then_a_dead_letter(stage: Stage) -> None:
    environment = {"COUNTERS": WEEKLY, "MAX_DELIVERIES": "2", "CLAIM_IDLE_S": "0.5"}
    stage.redis.xadd(stage.keys.analytics, BEYOND_TIME)
    ends = []
    for n in range(2):
        worker = stage.pipeline.process("worker", name=f"failing-{n}", **environment)
        worker.start()
        until(lambda worker=worker: not worker.is_running(), timeout_s=20, what="its end")
        ends.append(worker.exit_code())
    stage.pipeline.process("worker", name="last", **environment).start()
    stage.count("good")

    until(lambda: stage.stored() == 1, timeout_s=20, what=f"counted; {stage.pipeline.logs()}")

    ((_, letter),) = stage.redis.xrange(stage.keys.of_analytics().dead)
    assert ends == [FAILED, FAILED]
    assert letter[b"reason"] == b"delivered 3 times and never settled"
