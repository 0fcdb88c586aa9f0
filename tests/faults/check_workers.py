"""Workers killed and frozen, many times, under load: make test-faults."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import pytest

from coinslot.stack.process import Process
from tests.faults.account import CLEAN
from tests.faults.campaign import LOAD, QUICK_CLAIMS, Campaign
from tests.faults.frozen import books, found_out, freeze, freezing_worker, is_frozen, wake
from tests.faults.killer import Killer
from tests.faults.test_worker_killed import GAPS, doomed_worker
from tests.pipeline import Pipeline

RANDOM_KILLS = 200
KILLS_AT_DEFAULTS = 10
KILLS_A_GAP = 100
FROZEN_S = 60
RANDOM_FREEZES, STALE_S = 50, 2.0  # longer than CLAIM_IDLE_S: others take over meanwhile
RESUME_S = 40.0


@pytest.fixture
def environment(redis_url: str, mongodb_url: str, prefix: str) -> dict[str, str]:
    return {"REDIS_URL": redis_url, "MONGODB_URL": mongodb_url, "DB_NAME": prefix, "KEY_PREFIX": prefix}


@pytest.mark.parametrize(("times", "settings"), [(RANDOM_KILLS, QUICK_CLAIMS), (KILLS_AT_DEFAULTS, {})])
def test_workers_killed_at_random_under_load(
    times: int, settings: dict[str, str], environment: dict[str, str], tmp_path: Path
) -> None:
    with Pipeline(tmp_path, environment | settings, workers=4) as pipeline:
        campaign, kill = Campaign(pipeline, pipeline.workers, **LOAD), Killer(pipeline)
        victims = {worker.name: partial(kill, worker) for worker in pipeline.workers}

        campaign.run(victims, times=times, pause_s=(0.0, 0.5))
        account = campaign.account()

    kill.close()
    campaign.figures(f"worker kill -9 at random, CLAIM_IDLE_S {settings.get('CLAIM_IDLE_S', 30)}", times, account)
    print(f"{kill.hits} of them held messages")
    assert account == CLEAN
    assert kill.hits > 0
    assert campaign.witness.longest_wait_s <= RESUME_S


@pytest.mark.parametrize("gap", GAPS)
def test_workers_killed_in_a_gap_under_load(gap: str, environment: dict[str, str], tmp_path: Path) -> None:
    # So many deaths would make dead letters of messages that met five of them.
    settings = environment | QUICK_CLAIMS | {"MAX_DELIVERIES": "1000"}
    with Pipeline(tmp_path, settings) as pipeline:
        doomed = [doomed_worker(pipeline, gap, name=f"doomed-{n}") for n in range(3)]
        for worker in doomed:
            worker.start()
        campaign = Campaign(pipeline, doomed, **LOAD)

        with campaign.under_load():
            campaign.supervise(lambda: len(campaign.deaths) >= KILLS_A_GAP, timeout_s=480)
        account = campaign.account()

    campaign.figures(f"worker kill -9 at {gap!r}", len(campaign.deaths), account)
    assert account == CLEAN
    assert {death.partition("(")[2][:8] for death in campaign.deaths} == {"signal 9"}
    assert campaign.witness.longest_wait_s <= RESUME_S


def test_workers_frozen_for_a_minute_change_nothing_when_they_wake(environment: dict[str, str], tmp_path: Path) -> None:
    whole_feed = {"FEED_MAX_EVENTS": "10000000", "FEED_MAX_BYTES": str(2**30)}  # `books` reads it from its beginning
    with Pipeline(tmp_path, environment | whole_feed, workers=2) as pipeline:
        frozen = [freezing_worker(pipeline, gap, nth=20) for gap in ("read", "stored")]
        for worker in frozen:
            worker.start()
        campaign = Campaign(pipeline, pipeline.workers, **LOAD)

        with campaign.under_load():
            campaign.supervise(lambda: all(map(is_frozen, frozen)), timeout_s=60)
            thaw_at = time.monotonic() + FROZEN_S
            campaign.supervise(lambda: time.monotonic() > thaw_at, timeout_s=2 * FROZEN_S)
        account = campaign.account()
        before = books(pipeline)
        for worker in frozen:
            wake(worker)
        campaign.supervise(lambda: all(map(found_out, frozen)), timeout_s=30)
        after = books(pipeline)

    campaign.figures(f"workers frozen {FROZEN_S} s at 'read' and 'stored', then woken", len(frozen), account)
    assert after == before
    assert account == CLEAN
    assert campaign.witness.longest_wait_s <= RESUME_S


def test_workers_frozen_at_random_under_load(environment: dict[str, str], tmp_path: Path) -> None:
    def freeze_for_long(worker: Process) -> None:
        freeze(worker)
        time.sleep(STALE_S)
        wake(worker)

    with Pipeline(tmp_path, environment | QUICK_CLAIMS, workers=4) as pipeline:
        campaign = Campaign(pipeline, pipeline.workers, **LOAD)
        victims = {worker.name: partial(freeze_for_long, worker) for worker in pipeline.workers}

        campaign.run(victims, times=RANDOM_FREEZES, pause_s=(0.0, 0.5))
        account = campaign.account()
        stale = sum(map(found_out, pipeline.workers))

    campaign.figures(f"worker frozen at random for {STALE_S:g} s", RANDOM_FREEZES, account)
    print(f"{stale} workers found that their messages had been taken over")
    assert account == CLEAN
    assert stale > 0
    assert campaign.deaths == []
