"""A worker frozen with a batch in its hands, and woken when others have settled it, changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.account import CLEAN, account
from tests.faults.frozen import books, found_out, freezing_worker, is_frozen, wake
from tests.pipeline import Pipeline, until

TIMEOUT_S = 30


@pytest.fixture
def pipeline(redis_url: str, mongodb_url: str, prefix: str, tmp_path: Path) -> Iterator[Pipeline]:
    environment = {
        "MONGODB_URL": mongodb_url,
        "DB_NAME": prefix,
        "REDIS_URL": redis_url,
        "KEY_PREFIX": prefix,
        "CLAIM_IDLE_S": "1",
        "CLAIM_EVERY_S": "0.2",
    }
    with Pipeline(tmp_path, environment, workers=0) as pipeline:
        yield pipeline


def test_frozen_workers_change_nothing_when_they_wake_and_then_work_on(pipeline: Pipeline) -> None:
    frozen = [freezing_worker(pipeline, gap) for gap in ("read", "stored")]
    healthy = pipeline.process("worker", name="healthy")
    acknowledged: set[str] = set()
    for worker in frozen:
        worker.start()

    def all_frozen() -> bool:
        acknowledged.update(pipeline.send([{"timestamp": n} for n in range(5)]))
        return all(map(is_frozen, frozen))

    until(all_frozen, timeout_s=TIMEOUT_S)
    healthy.start()
    pipeline.wait_settled(timeout_s=TIMEOUT_S)
    before = books(pipeline)
    for worker in frozen:
        wake(worker)
    until(lambda: all(map(found_out, frozen)), timeout_s=TIMEOUT_S)
    after = books(pipeline)
    healthy.stop()
    acknowledged |= set(pipeline.send([{"timestamp": 0}]))
    pipeline.wait_settled(timeout_s=TIMEOUT_S)

    assert after == before
    assert account(pipeline, acknowledged) == CLEAN


def test_positive_control_a_woken_worker_that_does_not_ask_whose_its_messages_are_changes_the_books(
    pipeline: Pipeline,
) -> None:
    frozen = freezing_worker(pipeline, "stored", module="tests.faults.unfenced_worker")
    healthy = pipeline.process("worker", name="healthy")
    frozen.start()
    pipeline.send([{"timestamp": n} for n in range(5)])
    until(lambda: is_frozen(frozen), timeout_s=TIMEOUT_S)
    healthy.start()
    pipeline.wait_settled(timeout_s=TIMEOUT_S)
    before = books(pipeline)

    wake(frozen)

    until(lambda: books(pipeline) != before, timeout_s=TIMEOUT_S)
