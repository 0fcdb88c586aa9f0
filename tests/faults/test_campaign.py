"""Everything killed at random under load, briefly; the long runs are in check_*.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from coinslot.selftest.account import CLEAN
from coinslot.stack.servers import RedisServer
from tests.faults.campaign import Campaign
from tests.pipeline import Pipeline


@pytest.fixture
def pipeline(redis_of_its_own: RedisServer, mongodb_url: str, prefix: str, tmp_path: Path) -> Iterator[Pipeline]:
    environment = {
        "REDIS_URL": redis_of_its_own.url,
        "MONGODB_URL": mongodb_url,
        "DB_NAME": prefix,
        "KEY_PREFIX": prefix,
        "CLAIM_IDLE_S": "2",
        "CLAIM_EVERY_S": "0.5",
    }
    pipeline = Pipeline(tmp_path, environment, workers=2).start()
    yield pipeline
    pipeline.stop()


def test_workers_front_and_redis_killed_at_random_under_load_cost_nothing(
    pipeline: Pipeline, redis_of_its_own: RedisServer
) -> None:
    campaign = Campaign(pipeline, [*pipeline.workers, pipeline.front, redis_of_its_own], pause_s=0.1)
    victims = {process.name: process.kill for process in (*pipeline.workers, pipeline.front, redis_of_its_own)}

    nemesis = campaign.run(victims, times=6, pause_s=(0.2, 0.8), seed=7)

    assert campaign.account() == CLEAN
    assert len(nemesis.done) > 1
    assert len(campaign.journal.acknowledged) > 100
