"""Poison under load, much of it: make test-faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.campaign import QUICK_CLAIMS
from tests.faults.deadly import check_deadly
from tests.faults.poison import RULES, check_poison
from tests.pipeline import Pipeline

EVENTS, DEADLY_MESSAGES = 100_000, 20


@pytest.fixture
def environment(redis_url: str, mongodb_url: str, prefix: str) -> dict[str, str]:
    return {"REDIS_URL": redis_url, "MONGODB_URL": mongodb_url, "DB_NAME": prefix, "KEY_PREFIX": prefix}


@pytest.mark.parametrize("rule", RULES)
def test_one_event_in_a_hundred_cannot_be_stored(rule: str, environment: dict[str, str], tmp_path: Path) -> None:
    with Pipeline(tmp_path, environment, workers=2) as pipeline:
        check_poison(pipeline, rule, EVENTS)


@pytest.mark.parametrize("allergy", ["open", "store"])
def test_messages_that_kill_their_readers_under_load(allergy: str, environment: dict[str, str], tmp_path: Path) -> None:
    with Pipeline(tmp_path, environment | QUICK_CLAIMS, workers=0) as pipeline:
        check_deadly(pipeline, allergy, DEADLY_MESSAGES)
