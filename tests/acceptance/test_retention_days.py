"""RETENTION_DAYS in a whole Coinslot, whose MongoDB looks every second for what has expired."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pymongo
import pytest
from pymongo.collection import Collection

from coinslot.events import RECEIVED_AT
from coinslot.stack.servers import MongoServer
from tests.pipeline import Pipeline, until
from tests.running import running

Documents = Collection[dict[str, Any]]


@pytest.fixture
def mongodb(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "mongodb"
    folder.mkdir()
    with running(MongoServer(folder, arguments=("--setParameter", "ttlMonitorSleepSecs=1"))) as server:
        yield server.url


def rule(documents: Documents) -> int | None:
    found: int | None = documents.index_information().get("coinslot_expiry", {}).get("expireAfterSeconds")
    return found


def test_workers_let_go_of_what_came_in_so_many_days_ago_and_stop_when_the_setting_is_gone(
    mongodb: str, redis_url: str, prefix: str, tmp_path: Path
) -> None:
    environment = {"MONGODB_URL": mongodb, "DB_NAME": prefix, "REDIS_URL": redis_url, "KEY_PREFIX": prefix}
    with (
        Pipeline(tmp_path, {**environment, "RETENTION_DAYS": "7"}) as pipeline,
        pymongo.MongoClient[dict[str, Any]](mongodb, tz_aware=True) as client,
    ):
        documents = client[prefix]["events"]
        ids = pipeline.send([{"timestamp": n} for n in range(10)])
        pipeline.wait_settled()
        stored = pipeline.events()
        until(lambda: rule(documents) == 7 * 86_400)
        ages_s = [time.time() - document[RECEIVED_AT].timestamp() for document in documents.find()]
        week_ago = datetime.now(UTC) - timedelta(days=7, seconds=1)
        documents.update_many({"_id": {"$in": ids[:5]}}, {"$set": {RECEIVED_AT: week_ago}})
        until(lambda: pipeline.count() == 5, timeout_s=30, what="expired")

        (worker,) = pipeline.workers
        worker.stop()
        unlimited = pipeline.process("worker", name="unlimited", RETENTION_DAYS="0")
        unlimited.start()
        until(lambda: rule(documents) is None, timeout_s=20)

        assert all(0 <= age_s < 60 for age_s in ages_s)
        assert stored == [{"_id": id, "timestamp": n} for n, id in enumerate(ids)]
        assert [event["_id"] for event in pipeline.events()] == ids[5:]
