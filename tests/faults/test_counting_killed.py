"""Workers and Redis killed, and workers frozen, while they count: no number is another for it (check_counting.py)."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from coinslot.stack.process import Process
from coinslot.stack.servers import RedisServer
from tests.faults.counting import CountingRun
from tests.faults.frozen import freeze, wake
from tests.faults.killer import Killer
from tests.pipeline import Pipeline, until

QUICK_CLAIMS = {"CLAIM_IDLE_S": "0.4", "CLAIM_EVERY_S": "0.1", "MAX_DELIVERIES": "1000"}
STALE_S = 0.8  # longer than CLAIM_IDLE_S: others take over meanwhile


def freeze_for_long(worker: Process) -> None:
    if worker.is_running():
        freeze(worker)
        time.sleep(STALE_S)
        wake(worker)


def kill_for_a_moment(server: RedisServer) -> None:
    """The run starts it again."""
    server.kill()
    until(server.ping, timeout_s=30)


def test_workers_and_redis_killed_and_frozen_at_random_while_they_count_change_no_number(
    redis_of_its_own: RedisServer, prefix: str, tmp_path: Path
) -> None:
    environment = {"REDIS_URL": redis_of_its_own.url, "KEY_PREFIX": prefix, "DB_BACKEND": "sqlite", **QUICK_CLAIMS}
    with Pipeline(tmp_path, environment, workers=3) as pipeline:
        kill = Killer(pipeline, counting=True)
        run = CountingRun(pipeline, [*pipeline.workers, redis_of_its_own])
        victims = {f"kill {worker.name}": partial(kill, worker) for worker in pipeline.workers}
        victims |= {f"freeze {worker.name}": partial(freeze_for_long, worker) for worker in pipeline.workers}

        nemesis = run.run(
            victims | {"kill redis": partial(kill_for_a_moment, redis_of_its_own)}, times=8, pause_s=(0.0, 0.3), seed=3
        )
        counted, expected, ledger = run.counted(), run.expected(), run.ledger()
        run.figures("killed and frozen", nemesis)
        run.close()
    kill.close()

    assert counted == expected
    assert ledger["accepted"] == ledger["stored"] >= len(run.accepted) > 500
    assert {action.split()[0] for action in nemesis.done} == {"kill", "freeze"}
    assert nemesis.done["kill redis"] > 0
