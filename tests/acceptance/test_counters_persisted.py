"""Counters outlive a Redis that was emptied: real workers count, persist, end or are killed, and restore."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from coinslot import redisclient
from coinslot.analytics.redis_counters import RedisCounters
from coinslot.keys import Keys
from coinslot.queue import Broker
from coinslot.settings import Settings
from coinslot.stack.servers import RedisServer
from tests.counted import Counted
from tests.pipeline import Pipeline, until

USERS = 300
NOON = "2026-11-24T12:00:00Z"
COUNTERS = [
    {"pattern": "^visit", "date_cohort": "weekly", "size": 50, "error_probability": 0.01},
    {"pattern": "^buy", "type": "bloom_fixed_size", "size": 1000},
]


def events(users: range) -> list[dict[str, Any]]:
    """Everybody visits, every third buys, which is a goal; some of it in another namespace."""
    made: list[dict[str, Any]] = []
    for user in users:
        made.append({"event_name": "visit", "user_id": f"user-{user}", "value": 0.25, "datetime": NOON})
        if user % 3 == 0:
            made.append({"event_name": "buy", "user_id": f"user-{user}", "ensure_goal": True})
        if user % 50 == 0:
            made.append({"event_name": "visit", "user_id": f"user-{user}", "namespace": "ü/other"})
    return made


class Stage:
    """Workers without a front: events are put into the queue by hand."""

    def __init__(self, folder: Path, redis: RedisServer, place: dict[str, str], persist_every_s: float) -> None:
        environment = {
            "REDIS_URL": redis.url,
            "DB_BACKEND": "sqlite",
            "PERSIST_EVERY_S": str(persist_every_s),
            "COUNTERS": msgspec.json.encode(COUNTERS).decode(),
            "CLAIM_EVERY_S": "0.1",
            "CLAIM_IDLE_S": "1",
            **{name.upper(): value for name, value in place.items()},
        }
        self.pipeline = Pipeline(folder, environment, workers=2)
        settings = Settings.load(redis_url=redis.url)
        client, keys = redisclient.connect(redis.url, timeout_s=5), Keys.of(settings.key_prefix)
        self.redis: Any = client
        self.counters = RedisCounters(client, keys)
        self.counted = Counted(redis.url, settings.key_prefix)
        self._publisher = Broker(settings, keys.analytics).publisher()
        self._ledger = f"{keys.analytics}:ledger"

    def start_workers(self) -> None:
        for worker in self.pipeline.workers:
            worker.start()

    def count(self, made: list[dict[str, Any]]) -> None:
        self._publisher(msgspec.json.encode(made), len(made))
        until(lambda: self.redis.hget(self._ledger, "queued_messages") == b"0", what=self.pipeline.logs())

    def answers(self) -> list[object]:
        namespaces = self.counters.namespaces()
        users = [self.counters.events_of("default", f"user-{user}") for user in range(0, USERS + 10, 7)]
        return [*map(self.counters.namespace, namespaces), users, self.counters.known()]

    def close(self) -> None:
        self._publisher.close()
        self.pipeline.stop()


@pytest.mark.parametrize(
    ("place", "persist_every_s", "is_killed"),
    [
        pytest.param("", 3600, False, id="at the end of the workers, in the store"),
        pytest.param("s3", 0.2, True, id="now and then, in S3"),
    ],
)
def test_emptied_redis_answers_as_before(
    place: str,
    persist_every_s: float,
    is_killed: bool,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    redis_of_its_own: RedisServer,
) -> None:
    bucket = request.getfixturevalue(place) if place else {}
    stage = Stage(tmp_path, redis_of_its_own, bucket, persist_every_s)
    stage.start_workers()
    stage.count(events(range(USERS)))
    before = stage.answers()
    if is_killed:
        until(lambda: not stage.counted.marked())
        for worker in stage.pipeline.workers:
            worker.kill()
    for worker in stage.pipeline.workers:
        worker.terminate()
    ended = [worker.stop() for worker in stage.pipeline.workers]

    stage.redis.flushall()
    stage.start_workers()
    until(stage.counted.is_ready, what=stage.pipeline.logs())
    restored = stage.answers()
    stage.count(events(range(USERS)))  # again: everybody is known
    again = stage.answers()
    stage.count(events(range(USERS, USERS + 1)))
    visits = stage.counters.namespace("default").named()["visit"].count
    stage.close()

    assert all(ended)
    assert restored == before
    assert again == before
    assert visits == before[0].named()["visit"].count + 1  # type: ignore[attr-defined]
