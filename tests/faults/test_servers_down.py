"""Redis or MongoDB killed, emptied or full: refused or held, never lost, and well again by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from coinslot.changes import Feed
from coinslot.keys import GROUP, Keys
from coinslot.stack.servers import MongoServer, RedisServer
from ingest.watch import EVERY_S
from tests.faults.account import CLEAN, account
from tests.pipeline import Pipeline, until

EVENT = b'{"timestamp": 1}'


@pytest.fixture
def pipeline(redis_of_its_own: RedisServer, prefix: str, tmp_path: Path) -> Iterator[Pipeline]:
    environment = {"DB_BACKEND": "sqlite", "REDIS_URL": redis_of_its_own.url, "KEY_PREFIX": prefix}
    pipeline = Pipeline(tmp_path, environment).start()
    yield pipeline
    pipeline.stop()


def accepts(pipeline: Pipeline) -> bool:
    return pipeline.post(EVENT).status == 201


def test_while_redis_is_down_posts_get_503_and_afterwards_everything_acknowledged_is_there(
    pipeline: Pipeline, redis_of_its_own: RedisServer
) -> None:
    acknowledged = set(pipeline.send([{"timestamp": n} for n in range(20)]))

    redis_of_its_own.kill()
    refused = [pipeline.post(EVENT) for _ in range(3)]
    ready = pipeline.http.request("GET", f"{pipeline.url}/ready")
    redis_of_its_own.start()
    redis_of_its_own.wait_ready()
    until(lambda: accepts(pipeline))
    acknowledged |= set(pipeline.send([{"timestamp": n} for n in range(20, 40)]))
    pipeline.wait_settled()

    assert [response.status for response in refused] == [503] * 3
    assert all(1 <= int(response.headers["Retry-After"]) <= 60 for response in refused)
    assert ready.status == 503
    result = account(pipeline, acknowledged)
    assert (result.lost, result.twice, result.unfed, result.what) == (0, 0, 0, "")


def test_out_of_memory_redis_refuses_posts_while_the_worker_still_drains(
    pipeline: Pipeline, redis_of_its_own: RedisServer
) -> None:
    pipeline.workers[0].stop()
    acknowledged = set(pipeline.send([{"timestamp": n} for n in range(50)]))
    client = redis.Redis.from_url(redis_of_its_own.url)

    client.config_set("maxmemory", 1)
    refused = pipeline.post(EVENT)
    pipeline.workers[0].start()
    pipeline.wait_settled()
    client.config_set("maxmemory", 0)
    client.close()

    assert refused.status == 503
    assert account(pipeline, acknowledged) == CLEAN
    until(lambda: accepts(pipeline))


def test_after_redis_was_emptied_events_flow_again_and_the_followers_are_told_of_the_gap(
    pipeline: Pipeline, redis_of_its_own: RedisServer
) -> None:
    pipeline.send([{"timestamp": 1}])
    pipeline.wait_count(1)
    client = redis.Redis.from_url(redis_of_its_own.url)
    feed = Feed(client, Keys.of(pipeline.environment["KEY_PREFIX"]))
    cursor = feed.tip()
    time.sleep(2 * EVERY_S)  # for the watch to have looked

    client.flushall()
    pipeline.send([{"timestamp": 2}])
    pipeline.wait_count(2)
    until(lambda: feed.read(cursor, 10).changes)
    page = feed.read(cursor, 10)
    until(lambda: pipeline.audit()["lost"] is not None, what="the loss is noticed")
    client.close()

    assert page.gap is not None
    assert page.gap.after == cursor
    assert len(page.changes) == 1


def test_what_was_queued_in_a_redis_that_was_emptied_is_a_loss_that_the_audit_shows(
    pipeline: Pipeline, redis_of_its_own: RedisServer
) -> None:
    pipeline.workers[0].stop()
    pipeline.send([{"timestamp": n} for n in range(50)])
    client = redis.Redis.from_url(redis_of_its_own.url)
    time.sleep(2 * EVERY_S)  # for the watch to have looked

    client.flushall()
    until(lambda: pipeline.audit()["lost"] is not None, what="the loss is noticed")
    pipeline.workers[0].start()
    acknowledged = set(pipeline.send([{"timestamp": 1}]))
    pipeline.wait_count(1)
    until(lambda: pipeline.audit()["stored"] == 1)
    audit = pipeline.audit()
    client.close()

    assert (audit["lost"], audit["balanced"]) == (50, False)
    assert "50 events or more are lost" in audit["what"]
    assert account(pipeline, acknowledged).lost == 0


@pytest.fixture
def on_mongodb(redis_url: str, mongo_of_its_own: MongoServer, prefix: str, tmp_path: Path) -> Iterator[Pipeline]:
    environment = {
        "MONGODB_URL": mongo_of_its_own.url,
        "REDIS_URL": redis_url,
        "KEY_PREFIX": prefix,
        "CLAIM_IDLE_S": "1",
        "CLAIM_EVERY_S": "0.2",
    }
    pipeline = Pipeline(tmp_path, environment, workers=2).start()
    yield pipeline
    pipeline.stop()


def test_while_mongodb_is_down_the_queue_holds_and_afterwards_it_drains(
    on_mongodb: Pipeline, mongo_of_its_own: MongoServer
) -> None:
    acknowledged = set(on_mongodb.send([{"timestamp": n} for n in range(20)]))
    on_mongodb.wait_settled()

    mongo_of_its_own.kill()
    for post in range(10):
        acknowledged |= set(on_mongodb.send([{"timestamp": post, "n": n} for n in range(20)]))
    # Longer than the idle time: held by living workers, the messages must not change hands until they count as poison.
    until(lambda: on_mongodb.audit()["queued"] == 200)
    count = on_mongodb.get("/count")
    mongo_of_its_own.start()
    mongo_of_its_own.wait_ready()
    audit = on_mongodb.wait_settled(timeout_s=30)

    assert count.status == 503
    assert audit["dead"] == 0
    assert account(on_mongodb, acknowledged) == CLEAN


def test_a_worker_told_to_stop_while_mongodb_is_down_hands_its_messages_back(
    on_mongodb: Pipeline, mongo_of_its_own: MongoServer, redis_url: str
) -> None:
    client, queue = redis.Redis.from_url(redis_url), Keys.of(on_mongodb.environment["KEY_PREFIX"]).queue
    acknowledged: set[str] = set()

    def both_read() -> bool:
        # Redis knows a consumer from its first message on, and those who wait take turns.
        acknowledged.update(on_mongodb.send([{"timestamp": 0}]))
        return len(client.xinfo_consumers(queue, GROUP)) == 2

    until(both_read, what="both workers read")
    on_mongodb.wait_settled()
    client.close()
    mongo_of_its_own.kill()
    acknowledged |= set(on_mongodb.send([{"timestamp": n} for n in range(20)]))

    stopped = [worker.stop(grace_s=15) for worker in on_mongodb.workers]
    codes = [worker.exit_code() for worker in on_mongodb.workers]
    mongo_of_its_own.start()
    mongo_of_its_own.wait_ready()
    on_mongodb.workers[0].start()
    on_mongodb.wait_settled(timeout_s=30)

    assert stopped == [True, True]
    assert codes == [0, 0]
    assert account(on_mongodb, acknowledged) == CLEAN
