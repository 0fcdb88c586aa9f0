"""Counting under kills and freezes of workers and Redis, many times: make test-faults."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from coinslot.stack.servers import RedisServer
from tests.faults.counting import CountingRun
from tests.faults.killer import Killer
from tests.faults.test_counting_killed import QUICK_CLAIMS, freeze_for_long, kill_for_a_moment
from tests.pipeline import Pipeline

TIMES, WORKERS, PAUSE_S = 40, 4, (0.0, 0.5)


@pytest.fixture
def environment(redis_of_its_own: RedisServer, prefix: str) -> dict[str, str]:
    return {"REDIS_URL": redis_of_its_own.url, "KEY_PREFIX": prefix, "DB_BACKEND": "sqlite", **QUICK_CLAIMS}


@pytest.mark.parametrize("trouble", ["workers killed", "workers frozen", "redis killed", "all at once"])
def test_nothing_that_is_killed_or_frozen_while_it_counts_changes_a_number(
    trouble: str, environment: dict[str, str], redis_of_its_own: RedisServer, tmp_path: Path
) -> None:
    with Pipeline(tmp_path, environment, workers=WORKERS) as pipeline:
        kill = Killer(pipeline, counting=True)
        kills = {f"kill {worker.name}": partial(kill, worker) for worker in pipeline.workers}
        freezes = {f"freeze {worker.name}": partial(freeze_for_long, worker) for worker in pipeline.workers}
        outages = {"kill redis": partial(kill_for_a_moment, redis_of_its_own)}
        victims = {"workers killed": kills, "workers frozen": freezes, "redis killed": outages}
        run = CountingRun(pipeline, [*pipeline.workers, redis_of_its_own])

        actions = victims.get(trouble, kills | freezes | outages)
        nemesis = run.run(actions, times=TIMES, pause_s=PAUSE_S)
        counted, expected, ledger = run.counted(), run.expected(), run.ledger()
        run.figures(trouble, nemesis)
        print(f"{kill.hits} of the killed workers held messages; {len(run.deaths)} starts after a death")
        run.close()
    kill.close()

    assert counted == expected
    assert ledger["accepted"] == ledger["stored"] >= len(run.accepted) > 1000
    assert ledger["dead"] == 0
