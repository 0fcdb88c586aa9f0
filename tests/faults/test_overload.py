"""More than the queue has room for, briefly; the long run is in check_overload.py."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from coinslot.selftest.account import CLEAN
from coinslot.stack.servers import RedisServer
from tests.faults.answers import Answers
from tests.faults.campaign import LOAD, Campaign
from tests.faults.frozen import freeze, wake
from tests.pipeline import Pipeline

ROOM = 50  # messages
THREADS, AT_ONCE = 4, 100
PUBLISH_TIMEOUT_S = 2.0  # the default


@pytest.fixture
def environment(redis_url: str, prefix: str) -> dict[str, str]:
    return {"REDIS_URL": redis_url, "DB_BACKEND": "sqlite", "KEY_PREFIX": prefix}


def test_beyond_the_room_that_there_is_posts_are_refused_and_when_it_is_drained_they_are_taken_and_none_is_lost(
    environment: dict[str, str], tmp_path: Path
) -> None:
    answers = Answers()
    with Pipeline(tmp_path, environment | {"BACKLOG_MAX_MESSAGES": str(ROOM)}, workers=0) as pipeline:
        campaign = Campaign(pipeline, [], **LOAD, heard=answers)

        with campaign.under_load():
            campaign.supervise(lambda: answers.statuses[503] > 50, timeout_s=60)
            full, waiting = len(campaign.journal.acknowledged), pipeline.audit()["queued_messages"]
            pipeline.process("worker").start()
            campaign.supervise(lambda: len(campaign.journal.acknowledged) > full + 500, timeout_s=60)
        account = campaign.account()

    assert waiting < 10 * ROOM  # as much as came between two looks of the watch is let in beyond it
    assert set(answers.statuses) == {201, 503}
    assert not answers.bad_headers()
    assert account == CLEAN


def test_positive_control_without_a_limit_the_backlog_grows(environment: dict[str, str], tmp_path: Path) -> None:
    answers = Answers()
    with Pipeline(tmp_path, environment, workers=0) as pipeline:
        campaign = Campaign(pipeline, [], **LOAD, heard=answers)

        with campaign.under_load():
            campaign.supervise(lambda: pipeline.audit()["queued_messages"] > 10 * ROOM, timeout_s=60)
        campaign.witness.stop()

    assert set(answers.statuses) == {201}


@pytest.mark.parametrize("redis_is", ["well", "frozen"])
def test_posts_at_once_wait_for_the_queue_together_and_not_for_threads(
    redis_is: str, redis_of_its_own: RedisServer, environment: dict[str, str], tmp_path: Path
) -> None:
    settings = environment | {"REDIS_URL": redis_of_its_own.url, "THREADS": str(THREADS)}
    with Pipeline(tmp_path, settings, workers=0) as pipeline, ThreadPoolExecutor(AT_ONCE) as clients:
        if redis_is == "frozen":
            freeze(redis_of_its_own)

        began = time.monotonic()
        answers = list(clients.map(lambda _: pipeline.post(b'{"timestamp": 1}'), range(AT_ONCE)))
        took_s = time.monotonic() - began
        wake(redis_of_its_own)

    assert {answer.status for answer in answers} == {201 if redis_is == "well" else 503}
    if redis_is == "frozen":
        assert all(1 <= int(answer.headers["Retry-After"]) <= 60 for answer in answers)
    assert took_s < PUBLISH_TIMEOUT_S + 5  # with a thread each they would take AT_ONCE / THREADS times as long
