"""Goals need order: what many workers count together is what one pass over the events in their order would count."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from coinslot.keys import GROUP
from tests.analytics.counting import UNORDERED, Counted, shown
from tests.analytics.reference import Reference
from tests.analytics.walks import GOALS, waves
from tests.pipeline import Pipeline, until

EVENTS, WORKERS, MOST_OF_A_MESSAGE = 50_000, 4, 20
SHORT = 3000


@pytest.fixture
def counted(redis_url: str, prefix: str) -> Iterator[Counted]:
    counted = Counted(redis_url=redis_url, key_prefix=prefix, claim_idle_s=30)
    for goal in GOALS:
        counted.counters.make_goal("default", goal)
    yield counted
    counted.close()


def put_in_small_messages(counted: Counted, number: int) -> Reference:
    """What so many events ought to be counted to."""
    events = list(islice(waves(1), number))
    counted.put_all(events, MOST_OF_A_MESSAGE, least=1)
    return Reference(goals=GOALS).count(events)


def test_what_four_workers_count_equals_one_pass_over_the_events(
    counted: Counted, redis_url: str, prefix: str, tmp_path: Path
) -> None:
    environment = {"REDIS_URL": redis_url, "KEY_PREFIX": prefix, "DB_BACKEND": "sqlite", "CLAIM_EVERY_S": "0.1"}
    expected = put_in_small_messages(counted, EVENTS)
    holder = counted.holder()  # of the oldest, so that none can begin before each of the others has some
    with Pipeline(tmp_path, environment, workers=WORKERS):
        until(lambda: len(counted.redis.xinfo_consumers(counted.keys.analytics, GROUP)) == WORKERS + 1, timeout_s=30)

        holder.close()
        until(lambda: not counted.queued(), timeout_s=60)

    assert shown(counted.namespace()) == expected.namespace()
    assert counted.ledger()["stored"] == EVENTS


@pytest.mark.parametrize("source", ["", UNORDERED], ids=["in order", "positive control: whatever came before"])
def test_only_with_the_order_asked_for_do_workers_that_take_turns_agree_with_the_reference(
    counted: Counted, source: str
) -> None:
    expected = put_in_small_messages(counted, SHORT)

    counted.drain_at_random([counted.loop(source) for _ in range(WORKERS)], seed=3)

    assert (shown(counted.namespace()) == expected.namespace()) == (source == "")
    assert counted.named("visit:blog").count == expected.namespace().named()["visit:blog"].count
