"""Redis' disk syncs slowly and then fails, or is full."""

from __future__ import annotations

import time
from pathlib import Path

from coinslot.selftest.account import Account
from coinslot.selftest.journal import Journal
from coinslot.selftest.load import Load
from coinslot.stack.servers import RedisServer
from tests.faults.account import CLEAN, account
from tests.faults.campaign import Campaign
from tests.faults.lying_disk import LyingDisk
from tests.faults.small_disk import MIB, SmallDisk, small_disk
from tests.pipeline import Pipeline

BACK_S = 10.0
STALL_S = {"always": 0.1, "everysec": 5.0}


def after_a_power_failure(appendfsync: str, prefix: str, folder: Path) -> tuple[Journal, Account, LyingDisk]:
    """What is left of a load that only the queue has taken, when its disk fails under it."""
    data = folder / "redis"
    data.mkdir()
    server = RedisServer(data, appendfsync=appendfsync)
    server.start()
    server.wait_ready()
    environment = {"DB_BACKEND": "sqlite", "REDIS_URL": server.url, "KEY_PREFIX": prefix}
    journal = Journal()
    with Pipeline(folder, environment, workers=0) as pipeline:
        disk = LyingDisk(server, data, STALL_S[appendfsync]).attach()
        with Load(pipeline.url, journal, resend=False):
            time.sleep(1)
            disk.fail()
        server.start()
        server.wait_ready()
        pipeline.process("worker").start()
        pipeline.wait_settled(timeout_s=30)
        result = account(pipeline, journal.acknowledged, journal.attempted)
    server.stop()
    return journal, result, disk


def fill_and_free(campaign: Campaign, disk: SmallDisk) -> None:
    """Fill the disk by the load, and make space when POSTs have been refused for a while."""
    refused = campaign.journal.refusals[503]
    campaign.supervise(lambda: campaign.journal.refusals[503] >= refused + 10, timeout_s=60)
    disk.leave(64 * MIB)
    campaign.supervise(campaign.flows(), timeout_s=BACK_S)


def test_what_was_acknowledged_outlives_a_disk_that_syncs_slowly_and_then_fails(prefix: str, tmp_path: Path) -> None:
    journal, result, disk = after_a_power_failure("always", prefix, tmp_path)

    assert result == CLEAN
    assert len(journal.acknowledged) > 100
    assert disk.lost_bytes > 0


def test_positive_control_with_a_sync_every_second_the_same_failure_loses_what_was_acknowledged(
    prefix: str, tmp_path: Path
) -> None:
    journal, result, _ = after_a_power_failure("everysec", prefix, tmp_path)

    assert 0 < result.lost <= len(journal.acknowledged)


def test_a_full_disk_refuses_posts_and_soon_after_there_is_space_events_flow_again(
    mongodb_url: str, prefix: str, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", 2 * MIB) as disk:
        server = RedisServer(disk.folder, log=tmp_path / "redis.log")
        server.start()
        server.wait_ready()
        environment = {"REDIS_URL": server.url, "MONGODB_URL": mongodb_url, "DB_NAME": prefix, "KEY_PREFIX": prefix}
        with Pipeline(tmp_path, environment) as pipeline:
            campaign = Campaign(pipeline, [server], padding_bytes=1000)
            with campaign.under_load():
                fill_and_free(campaign, disk)
            result = campaign.account()
        server.stop()

    assert result == CLEAN
    assert set(campaign.journal.refusals) == {503}
    assert campaign.journal.unanswered == 0
