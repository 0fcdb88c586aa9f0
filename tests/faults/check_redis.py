"""Redis killed, slow, full and emptied, many times, under load: make test-faults."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from coinslot.keys import Keys
from coinslot.stack.servers import RedisServer
from tests.faults.account import CLEAN
from tests.faults.campaign import LOAD, Campaign
from tests.faults.lying_disk import LyingDisk
from tests.faults.small_disk import MIB, small_disk
from tests.faults.test_redis_disk import BACK_S, fill_and_free
from tests.pipeline import Pipeline, until

KILLS, POWER_FAILURES, FULL, EMPTIED = 50, 10, 10, 20
REGROUP_S = 5.0


@pytest.fixture
def environment(mongodb_url: str, prefix: str) -> dict[str, str]:
    return {"MONGODB_URL": mongodb_url, "DB_NAME": prefix, "KEY_PREFIX": prefix}


@pytest.fixture
def pipeline(redis_of_its_own: RedisServer, environment: dict[str, str], tmp_path: Path) -> Iterator[Pipeline]:
    with Pipeline(tmp_path, environment | {"REDIS_URL": redis_of_its_own.url}, workers=2) as pipeline:
        yield pipeline


@pytest.fixture
def client(redis_of_its_own: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_of_its_own.url) as client:
        yield client


def only_503(campaign: Campaign) -> bool:
    return set(campaign.journal.refusals) <= {503} and campaign.journal.unanswered == 0


def test_redis_killed_under_load(pipeline: Pipeline, redis_of_its_own: RedisServer) -> None:
    campaign = Campaign(pipeline, [redis_of_its_own], **LOAD)

    def kill() -> None:
        redis_of_its_own.kill()
        until(redis_of_its_own.ping, timeout_s=BACK_S)
        until(campaign.flows(), timeout_s=BACK_S)

    campaign.run({"redis": kill}, times=KILLS, pause_s=(0.0, 0.5))
    account = campaign.account()

    campaign.figures("redis kill -9", KILLS, account)
    assert account == CLEAN
    assert only_503(campaign)
    assert campaign.witness.longest_wait_s <= BACK_S


# A sync well within what a POST waits, and one so long that most POSTs are refused, though Redis takes them later.
@pytest.mark.parametrize(("sync_s", "events"), [(0.1, 500), (0.7, 50)])
def test_redis_on_a_slow_disk_that_fails_under_load(
    sync_s: float, events: int, pipeline: Pipeline, redis_of_its_own: RedisServer, tmp_path: Path
) -> None:
    campaign, lost_bytes = Campaign(pipeline, [], **LOAD), 0

    with campaign.under_load():
        for _ in range(POWER_FAILURES):
            disk = LyingDisk(redis_of_its_own, tmp_path / "redis", sync_s).attach()
            campaign.supervise(campaign.flows(events), timeout_s=120)
            disk.fail()
            lost_bytes += disk.lost_bytes
            redis_of_its_own.start()
            redis_of_its_own.wait_ready()
    account = campaign.account()

    campaign.figures(f"redis on a disk that syncs in {sync_s} s, power failure", POWER_FAILURES, account)
    print(f"{lost_bytes} bytes had been written and not synced")
    assert account == CLEAN
    assert only_503(campaign)
    assert lost_bytes > 0


def test_redis_out_of_memory_under_load(pipeline: Pipeline, client: redis.Redis) -> None:
    campaign = Campaign(pipeline, [], **LOAD)

    def fill() -> None:
        client.config_set("maxmemory", 1)
        refused = campaign.journal.refusals[503]
        until(lambda: campaign.journal.refusals[503] >= refused + 10)
        until(lambda: pipeline.audit()["queued_messages"] == 0, what="drained while full")
        client.config_set("maxmemory", 0)
        until(campaign.flows(), timeout_s=BACK_S)

    campaign.run({"fill": fill}, times=FULL, pause_s=(0.0, 1.0))
    account = campaign.account()

    campaign.figures("redis out of memory", FULL, account)
    assert account == CLEAN
    assert only_503(campaign)


@pytest.mark.parametrize("appendfsync", ["always", "everysec"])  # Redis ends itself; it refuses to write
def test_redis_with_its_disk_full_under_load(appendfsync: str, environment: dict[str, str], tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2 * MIB) as disk:
        server = RedisServer(disk.folder, log=tmp_path / "redis.log", appendfsync=appendfsync)
        server.start()
        server.wait_ready()
        with Pipeline(tmp_path, environment | {"REDIS_URL": server.url}, workers=2) as pipeline:
            campaign = Campaign(pipeline, [server], **LOAD)
            with campaign.under_load():
                for _ in range(FULL):
                    disk.leave(MIB)
                    fill_and_free(campaign, disk)
            account = campaign.account()
        server.stop()

    campaign.figures(f"redis' disk full, appendfsync {appendfsync}", FULL, account)
    assert account == CLEAN
    assert only_503(campaign)


def test_redis_emptied_under_load(pipeline: Pipeline, client: redis.Redis) -> None:
    campaign, regroup_s = Campaign(pipeline, [], **LOAD), 0.0
    queue = Keys.of(pipeline.environment["KEY_PREFIX"]).queue

    def empty() -> None:
        nonlocal regroup_s
        client.flushall()
        emptied_at, told = time.monotonic(), campaign.witness.changes
        until(lambda: client.exists(queue) and client.xinfo_groups(queue), timeout_s=REGROUP_S)
        regroup_s = max(regroup_s, time.monotonic() - emptied_at)
        until(lambda: campaign.witness.changes > told + 500, timeout_s=BACK_S)

    campaign.run({"empty": empty}, times=EMPTIED, pause_s=(0.0, 1.0))
    account = campaign.account()
    acknowledged = set(pipeline.send([{"timestamp": n} for n in range(20)]))
    pipeline.wait_settled()

    campaign.figures("redis emptied", EMPTIED, account)
    print(f"the group was there again after at most {regroup_s:.1f} s; {len(campaign.witness.gaps)} gaps told")
    assert (account.unexpected, account.twice, account.left) == (0, 0, 0)
    assert "Redis was emptied" in account.what
    assert only_503(campaign)
    assert campaign.witness.gaps
    assert acknowledged <= {event["_id"] for event in pipeline.events()}
