"""MongoDB killed, frozen and out of disk under load, briefly; the long runs are in check_mongodb.py."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from coinslot.selftest.account import Account
from coinslot.stack.process import Process
from coinslot.stack.servers import MongoServer
from coinslot.store.mongodb import SOCKET_TIMEOUT_MS
from tests.faults.account import CLEAN, account
from tests.faults.campaign import Campaign
from tests.faults.frozen import freeze, wake
from tests.faults.small_disk import MIB, SmallDisk, small_disk
from tests.pipeline import Pipeline, until
from tests.running import running

BACK_S = 30.0
RESTART_S = 30.0
STALE_S = SOCKET_TIMEOUT_MS / 1000 + 2
FULL_DISK_S = 60.0
LOAD = {"events_per_post": 10, "pause_s": 0.02}

# What is written is on disk after a second, rather than after a minute, and takes the space there that it has.
FILLS_ITS_DISK = ("--syncdelay", "1", "--wiredTigerCollectionBlockCompressor", "none")
DISK_BYTES = SPACE_BYTES = 512 * MIB  # mongod begins with 300 MiB of journal, and adds to it each time it starts


@pytest.fixture
def environment(redis_url: str, prefix: str) -> dict[str, str]:
    return {"REDIS_URL": redis_url, "DB_NAME": prefix, "KEY_PREFIX": prefix}


def started_workers(pipeline: Pipeline, module: str = "worker", number: int = 2) -> list[Process]:
    workers = [pipeline.process(module, name=f"{module}-{n}") for n in range(number)]
    for worker in workers:
        worker.start()
    return workers


def resume(campaign: Campaign, since: float) -> float:
    """Seconds from then until all that has been acknowledged by now is stored and told."""
    until(campaign.drains(), timeout_s=2 * BACK_S, what="all told")
    return time.monotonic() - since


def only_accepted(campaign: Campaign) -> bool:
    """Whether the queue held: no POST was refused, whatever MongoDB did."""
    return not campaign.journal.refusals and campaign.journal.unanswered == 0


def killing(campaign: Campaign, server: MongoServer, resumed_s: list[float]) -> Callable[[], None]:
    """kill -9 while it stores; the campaign starts it again."""

    def kill() -> None:
        told = campaign.witness.changes
        until(lambda: campaign.witness.changes > told + 200, timeout_s=BACK_S, what="storing")
        server.kill()
        killed_at = time.monotonic()
        until(server.ping, timeout_s=RESTART_S, what="started again")
        resumed_s.append(resume(campaign, killed_at))

    return kill


def freezing(
    campaign: Campaign, server: MongoServer, resumed_s: list[float], frozen_s: float = STALE_S
) -> Callable[[], None]:
    """Freeze it for longer than workers wait for an answer, and wake it."""

    def stall() -> None:
        freeze(server)
        until(campaign.flows(), timeout_s=BACK_S, what="POSTs accepted while it is frozen")
        time.sleep(frozen_s)
        wake(server)
        resumed_s.append(resume(campaign, time.monotonic()))

    return stall


def filling(campaign: Campaign, disk: SmallDisk, resumed_s: list[float], full_s: float = 0.0) -> Callable[[], None]:
    """Fill mongod's disk by the load, and make space some time after it has ended itself, as it then does."""

    def is_full(deaths: int) -> bool:
        if disk.free_bytes > MIB:  # it has removed a part of its journal
            disk.leave(MIB)
        return len(campaign.deaths) > deaths

    def fill() -> None:
        until(partial(is_full, len(campaign.deaths)), timeout_s=FULL_DISK_S, what="full")
        until(campaign.flows(), timeout_s=BACK_S, what="POSTs accepted while it is full")
        time.sleep(full_s)  # it is started again meanwhile, and may end again
        disk.leave(SPACE_BYTES)
        resumed_s.append(resume(campaign, time.monotonic()))

    return fill


def killed_under_load(
    server: MongoServer, environment: dict[str, str], folder: Path, module: str, times: int
) -> tuple[Campaign, Account, list[float]]:
    resumed_s: list[float] = []
    with Pipeline(folder, environment | {"MONGODB_URL": server.url}, workers=0) as pipeline:
        started_workers(pipeline, module)
        campaign = Campaign(pipeline, [server], **LOAD)
        campaign.run({"mongodb": killing(campaign, server, resumed_s)}, times=times, pause_s=(0.0, 0.5))
        return campaign, campaign.account(), resumed_s


def filled_under_load(
    environment: dict[str, str], folder: Path, times: int, full_s: float = 0.0, arguments: Sequence[str] = ()
) -> tuple[Campaign, Account, int, list[float]]:
    """The third is how many events are dead."""
    resumed_s: list[float] = []
    with small_disk(folder / "disk", DISK_BYTES) as disk:
        mongod = MongoServer(disk.folder, log=folder / "mongod.log", arguments=(*FILLS_ITS_DISK, *arguments))
        with (
            running(mongod) as server,
            Pipeline(folder, environment | {"MONGODB_URL": server.url}, workers=2) as pipeline,
        ):
            campaign = Campaign(pipeline, [server], padding_bytes=1000, **LOAD)
            fill = filling(campaign, disk, resumed_s, full_s)
            campaign.run({"mongodb": fill}, times=times, pause_s=(0.0, 1.0))
            return campaign, campaign.account(), pipeline.audit()["dead"], resumed_s


def test_mongodb_killed_under_load_costs_nothing_and_posts_are_accepted_meanwhile(
    mongo_of_its_own: MongoServer, environment: dict[str, str], tmp_path: Path
) -> None:
    campaign, result, _ = killed_under_load(mongo_of_its_own, environment, tmp_path, "worker", times=2)

    assert result == CLEAN
    assert only_accepted(campaign)


def test_mongodb_frozen_beyond_the_workers_patience_stores_everything_once_when_it_wakes(
    mongo_of_its_own: MongoServer, environment: dict[str, str], tmp_path: Path
) -> None:
    with Pipeline(tmp_path, environment | {"MONGODB_URL": mongo_of_its_own.url}, workers=0) as pipeline:
        workers = started_workers(pipeline)
        campaign = Campaign(pipeline, [], **LOAD)
        campaign.run({"mongodb": freezing(campaign, mongo_of_its_own, [])}, times=1, pause_s=(1.0, 1.0))
        result = campaign.account()

    assert result == CLEAN
    assert only_accepted(campaign)
    assert any("timed out" in worker.log.read_text() for worker in workers if worker.log)


def test_what_a_worker_is_trying_to_store_is_not_taken_over_by_idle_ones_and_does_not_die_of_it(
    mongo_of_its_own: MongoServer, environment: dict[str, str], tmp_path: Path
) -> None:
    quick = {"CLAIM_IDLE_S": "1", "CLAIM_EVERY_S": "0.2", "MAX_DELIVERIES": "1"}
    with Pipeline(tmp_path, environment | quick | {"MONGODB_URL": mongo_of_its_own.url}, workers=3) as pipeline:
        acknowledged = set(pipeline.send([{"timestamp": n} for n in range(20)]))
        pipeline.wait_settled()

        freeze(mongo_of_its_own)
        acknowledged |= set(pipeline.send([{"timestamp": n} for n in range(20)]))
        time.sleep(3)
        wake(mongo_of_its_own)
        audit = pipeline.wait_settled(timeout_s=BACK_S)
        result = account(pipeline, acknowledged)

    assert audit["dead"] == 0
    assert result == CLEAN


def test_a_full_disk_of_mongodb_makes_no_dead_letters_and_soon_after_there_is_space_events_are_stored_again(
    environment: dict[str, str], tmp_path: Path
) -> None:
    campaign, result, dead, resumed_s = filled_under_load(environment, tmp_path, times=1)

    assert result == CLEAN
    assert dead == 0
    assert only_accepted(campaign)
    assert max(resumed_s) <= BACK_S
