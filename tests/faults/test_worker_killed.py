"""kill -9 of a worker in each gap of the commit protocol: nothing lost, stored twice, unfed or unaccounted for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from coinslot.keys import Keys
from coinslot.stack.process import Process
from tests.faults.account import CLEAN, account
from tests.pipeline import Pipeline, until

POSTS, EVENTS_A_POST = 20, 5
IN_KOMBU = "delivered"  # before the worker has the message: see dying_worker.py
GAPS = [IN_KOMBU, "read", "stored", "settled"]


@pytest.fixture(params=["mongodb", "sqlite"])
def pipeline(
    request: pytest.FixtureRequest, redis_url: str, mongodb_url: str, prefix: str, tmp_path: Path
) -> Iterator[Pipeline]:
    environment = {
        "DB_BACKEND": request.param,
        "MONGODB_URL": mongodb_url,
        "DB_NAME": prefix,
        "REDIS_URL": redis_url,
        "KEY_PREFIX": prefix,
        "CLAIM_IDLE_S": "1",
        "CLAIM_EVERY_S": "0.2",
        "BATCH_MAX_EVENTS": "10",
    }
    pipeline = Pipeline(tmp_path, environment).start()
    yield pipeline
    pipeline.stop()


def doomed_worker(pipeline: Pipeline, gap: str, name: str = "doomed") -> Process:
    if gap == IN_KOMBU:
        return pipeline.process("tests.faults.dying_worker", name=name)
    return pipeline.process("worker", name=name, FAILPOINT=f"{gap}:2")


def send_all(pipeline: Pipeline) -> set[str]:
    posts = [[{"timestamp": post, "n": n} for n in range(EVENTS_A_POST)] for post in range(POSTS)]
    return {id for post in posts for id in pipeline.send(post)}


@pytest.mark.parametrize("gap", GAPS)
def test_a_worker_killed_in_a_gap_of_the_commit_protocol_costs_nothing(pipeline: Pipeline, gap: str) -> None:
    pipeline.workers[0].stop()
    doomed = doomed_worker(pipeline, gap)
    doomed.start()
    acknowledged = send_all(pipeline)
    until(lambda: not doomed.is_running(), timeout_s=30, what=f"dead at {gap}")

    pipeline.workers[0].start()
    pipeline.wait_settled(timeout_s=30)

    assert doomed.exit_code() == -9
    assert account(pipeline, acknowledged) == CLEAN


def test_what_a_killed_worker_held_is_taken_over_by_one_that_was_running_all_along(pipeline: Pipeline) -> None:
    doomed = doomed_worker(pipeline, "read")
    doomed.start()
    acknowledged: set[str] = set()

    while doomed.is_running():
        acknowledged |= send_all(pipeline)
    pipeline.wait_settled(timeout_s=30)

    assert account(pipeline, acknowledged) == CLEAN


def test_positive_control_a_worker_killed_between_acknowledging_and_writing_loses_what_it_held(
    redis_url: str, prefix: str, tmp_path: Path
) -> None:
    environment = {"DB_BACKEND": "sqlite", "REDIS_URL": redis_url, "KEY_PREFIX": prefix}
    with Pipeline(tmp_path, environment, workers=0) as pipeline:
        hasty = pipeline.process("tests.faults.hasty_worker", name="hasty")
        hasty.start()

        acknowledged = send_all(pipeline)
        until(lambda: not hasty.is_running(), timeout_s=30, what="dead")
        pipeline.process("worker").start()
        pipeline.wait_settled(timeout_s=30)
        result = account(pipeline, acknowledged)

    assert hasty.exit_code() == -9
    assert result.lost > 0


def test_positive_control_the_same_kill_on_the_stock_redis_transport_loses_the_message(
    redis_url: str, prefix: str, tmp_path: Path
) -> None:
    broker_url = redis_url.replace("redis://", "amqp://")
    environment = {"DB_BACKEND": "sqlite", "REDIS_URL": redis_url, "KEY_PREFIX": prefix, "BROKER_URL": broker_url}
    stock = "tests.faults.on_stock_redis"
    pipeline = Pipeline(tmp_path, environment, workers=0)
    pipeline.front = pipeline.process(stock, name="front", MODULE="front", PORT=str(pipeline.port))
    with pipeline, redis.Redis.from_url(redis_url) as broker:
        doomed = pipeline.process(stock, name="doomed", MODULE="tests.faults.dying_worker")
        doomed.start()

        acknowledged = send_all(pipeline)
        until(lambda: not doomed.is_running(), timeout_s=30, what="dead")
        pipeline.process(stock, name="worker", MODULE="worker").start()
        # Nothing waits and nothing is held for redelivery: what is not stored now is gone.
        until(lambda: not broker.exists(Keys.of(prefix).queue, "unacked"), what="all delivered")
        result = account(pipeline, acknowledged)

    assert doomed.exit_code() == -9
    assert result.lost > 0
