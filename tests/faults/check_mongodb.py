"""MongoDB killed, frozen, out of disk and without its primary, many times, under load: make test-faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from coinslot.stack.servers import MongoServer
from tests.faults.account import CLEAN
from tests.faults.campaign import Campaign
from tests.faults.replica_set import ReplicaSet
from tests.faults.test_mongodb_failover import CARELESS, failing_over
from tests.faults.test_mongodb_faults import (
    BACK_S,
    LOAD,
    STALE_S,
    filled_under_load,
    freezing,
    killed_under_load,
    only_accepted,
)
from tests.pipeline import Pipeline, until

KILLS, CARELESS_KILLS, FROZEN, FULL, FAIL_OVERS, FROZEN_PRIMARIES = 30, 10, 10, 7, 20, 3
FULL_S = 5.0
FROZEN_PRIMARY_S = 30.0  # by then the others have elected another
COUNT_TIMEOUT_S = 30.0  # the count is measured again every 10 s
# Without room for a journal set aside, it is the journal that cannot be written, where otherwise it is the events.
JOURNALS = {"set aside": (), "growing": ("--wiredTigerEngineConfigString", "log=(prealloc=false,file_max=1MB)")}


@pytest.fixture
def environment(redis_url: str, prefix: str) -> dict[str, str]:
    return {"REDIS_URL": redis_url, "DB_NAME": prefix, "KEY_PREFIX": prefix}


@pytest.fixture
def replica_set(tmp_path: Path) -> Iterator[ReplicaSet]:
    """With MongoDB's own timeouts."""
    with ReplicaSet(tmp_path / "rs") as replica_set:
        yield replica_set


def tell_resumed(resumed_s: list[float]) -> None:
    average_s = sum(resumed_s) / len(resumed_s)
    print(f"all was stored and told again after at most {max(resumed_s):.1f} s, {average_s:.1f} s on average")


def count_is_right(pipeline: Pipeline) -> bool:
    until(lambda: pipeline.count() == len(pipeline.events()), timeout_s=COUNT_TIMEOUT_S, what="the count is right")
    return True


def test_mongodb_killed_under_load(mongo_of_its_own: MongoServer, environment: dict[str, str], tmp_path: Path) -> None:
    campaign, account, resumed_s = killed_under_load(mongo_of_its_own, environment, tmp_path, "worker", KILLS)

    campaign.figures("mongodb kill -9", KILLS, account)
    tell_resumed(resumed_s)
    assert account == CLEAN
    assert only_accepted(campaign)
    assert max(resumed_s) <= BACK_S


def test_positive_control_the_same_kill_loses_what_a_worker_did_not_wait_to_see_in_the_journal(
    mongo_of_its_own: MongoServer, environment: dict[str, str], tmp_path: Path
) -> None:
    campaign, account, _ = killed_under_load(mongo_of_its_own, environment, tmp_path, CARELESS, CARELESS_KILLS)

    campaign.figures("positive control: mongodb kill -9, workers write with w:1, j:false", CARELESS_KILLS, account)
    assert account.lost > 0
    assert account.what == ""


def test_mongodb_frozen_under_load(mongo_of_its_own: MongoServer, environment: dict[str, str], tmp_path: Path) -> None:
    resumed_s: list[float] = []
    with Pipeline(tmp_path, environment | {"MONGODB_URL": mongo_of_its_own.url}, workers=2) as pipeline:
        campaign = Campaign(pipeline, [], **LOAD)
        freeze = freezing(campaign, mongo_of_its_own, resumed_s)
        campaign.run({"mongodb": freeze}, times=FROZEN, pause_s=(0.0, 1.0))
        account, audit = campaign.account(), pipeline.audit()

    campaign.figures(f"mongodb frozen for {STALE_S:g} s", FROZEN, account)
    print(f"{audit['duplicate']} events found to be stored by an attempt that had been given up, {audit['dead']} dead")
    tell_resumed(resumed_s)
    assert account == CLEAN
    assert only_accepted(campaign)
    assert audit["dead"] == 0
    assert max(resumed_s) <= BACK_S


@pytest.mark.parametrize("journal", JOURNALS)
def test_mongodb_with_its_disk_full_under_load(journal: str, environment: dict[str, str], tmp_path: Path) -> None:
    campaign, account, dead, resumed_s = filled_under_load(environment, tmp_path, FULL, FULL_S, JOURNALS[journal])

    campaign.figures(f"mongodb's disk full, journal {journal}", FULL, account)
    print(f"mongod ended itself {len(campaign.deaths)} times; {dead} dead")
    tell_resumed(resumed_s)
    assert account == CLEAN
    assert dead == 0
    assert only_accepted(campaign)
    assert max(resumed_s) <= BACK_S


def test_primary_steps_down_or_is_killed_under_load(
    replica_set: ReplicaSet, environment: dict[str, str], tmp_path: Path
) -> None:
    resumed_s: list[float] = []
    with Pipeline(tmp_path, environment | {"MONGODB_URL": replica_set.url}, workers=2) as pipeline:
        campaign = Campaign(pipeline, list(replica_set.members), **LOAD)
        fail_over = failing_over(campaign, replica_set, resumed_s)
        campaign.run({"primary": fail_over}, times=FAIL_OVERS, pause_s=(0.0, 1.0))
        account, audit = campaign.account(), pipeline.audit()
        assert count_is_right(pipeline)

    campaign.figures("primary of three steps down and kill -9, in turn", FAIL_OVERS, account)
    print(f"{replica_set.rollbacks()} rollbacks, {audit['duplicate']} duplicates, {audit['dead']} dead")
    tell_resumed(resumed_s[::2])
    tell_resumed(resumed_s[1::2])
    assert account == CLEAN
    assert only_accepted(campaign)
    assert audit["dead"] == 0
    assert max(resumed_s) <= BACK_S


def test_primary_frozen_under_load_and_woken_when_there_is_another(
    replica_set: ReplicaSet, environment: dict[str, str], tmp_path: Path
) -> None:
    resumed_s: list[float] = []
    with Pipeline(tmp_path, environment | {"MONGODB_URL": replica_set.url}, workers=2) as pipeline:
        campaign = Campaign(pipeline, [], **LOAD)

        def freeze_primary() -> None:
            replica_set.wait_whole()
            freezing(campaign, replica_set.primary(), resumed_s, frozen_s=FROZEN_PRIMARY_S)()

        campaign.run({"primary": freeze_primary}, times=FROZEN_PRIMARIES, pause_s=(0.0, 1.0))
        account, audit = campaign.account(), pipeline.audit()
        assert count_is_right(pipeline)

    campaign.figures(f"primary of three frozen for {FROZEN_PRIMARY_S:g} s", FROZEN_PRIMARIES, account)
    print(f"{replica_set.rollbacks()} rollbacks, {audit['duplicate']} duplicates, {audit['dead']} dead")
    assert account == CLEAN
    assert only_accepted(campaign)
    assert audit["dead"] == 0
