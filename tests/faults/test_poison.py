"""Poison under load, briefly; the long runs are in check_poison.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.campaign import QUICK_CLAIMS
from tests.faults.deadly import check_deadly
from tests.faults.poison import RULES, check_poison, is_bad, poisoned
from tests.pipeline import Pipeline


@pytest.fixture
def environment(redis_url: str, mongodb_url: str, prefix: str) -> dict[str, str]:
    return {"REDIS_URL": redis_url, "MONGODB_URL": mongodb_url, "DB_NAME": prefix, "KEY_PREFIX": prefix}


@pytest.mark.parametrize("rule", RULES)
def test_of_poison_among_good_events_every_one_dies_once_and_nothing_else_does(
    rule: str, environment: dict[str, str], tmp_path: Path
) -> None:
    with Pipeline(tmp_path, environment, workers=2) as pipeline:
        check_poison(pipeline, rule, events=1500)


def test_positive_control_a_worker_that_writes_no_dead_letters_loses_events_and_unbalances_the_ledger(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with Pipeline(tmp_path, environment, workers=0) as pipeline:
        pipeline.workers.append(pipeline.process("tests.faults.forgetful_worker", name="forgetful"))
        pipeline.workers[0].start()
        RULES["validator"].lay(pipeline)

        campaign = poisoned(pipeline, events=500)
        account = campaign.account()

    assert account.lost == len(set(filter(is_bad, campaign.journal.acknowledged))) > 0
    assert account.dead == 0
    assert "events were accepted" in account.what


def test_a_message_that_kills_whoever_looks_into_it_is_put_aside_after_five_deaths_and_takes_no_other_along(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with Pipeline(tmp_path, environment | QUICK_CLAIMS, workers=0) as pipeline:
        check_deadly(pipeline, "open", messages=1)
