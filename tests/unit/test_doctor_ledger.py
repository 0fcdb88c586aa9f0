"""What the ledger's figures and the workers' silence mean."""

from __future__ import annotations

import pytest

from coinslot.doctor.ledger import balance, workers
from coinslot.keys import ANALYTICS, EVENTS, Keys
from coinslot.ledger import Audit

KEYS = Keys.of("coinslot")
BALANCED = Audit(
    accepted=5, stored=3, duplicate=0, dead=0, queued=2, queued_messages=1, queue_messages=1, lost=None
)  # fmt: skip


def test_positive_control_a_ledger_that_balances_is_ok() -> None:
    assert balance(EVENTS, BALANCED, KEYS).state == "ok"


def test_a_gap_is_wrong() -> None:
    audit = Audit(accepted=9, stored=3, duplicate=0, dead=0, queued=2, queued_messages=1, queue_messages=1)

    finding = balance(EVENTS, audit, KEYS)

    assert finding.state == "wrong"
    assert "9 events were accepted" in finding.seen
    assert "HDEL" not in finding.remedy


def test_so_is_a_loss_with_how_to_close_its_account() -> None:
    audit = Audit(accepted=0, stored=0, duplicate=0, dead=0, queued=0, queued_messages=0, queue_messages=0, lost=7)

    finding = balance(EVENTS, audit, KEYS)

    assert finding.state == "wrong"
    assert finding.remedy.endswith("redis-cli HDEL '{coinslot}:events:ledger' lost")


def test_of_analytics_it_names_the_queue_and_the_ledger_that_is_meant() -> None:
    audit = Audit(accepted=0, stored=0, duplicate=0, dead=0, queued=0, queued_messages=0, queue_messages=0, lost=7)

    finding = balance(ANALYTICS, audit, KEYS.of_analytics())

    assert (finding.state, finding.name) == ("wrong", "analytics.ledger")
    assert finding.remedy.endswith("redis-cli HDEL '{coinslot}:analytics:ledger' lost")


@pytest.mark.parametrize(
    ("waited_s", "idle_s", "state"),
    [
        (None, [], "ok"),
        (None, [3600], "ok"),  # with nothing to do it says nothing
        (0, [], "ok"),  # it has only just come
        (29, [3600], "ok"),
        (31, [], "wrong"),
        (31, [3600, 31], "wrong"),
        (31, [3600, 1], "ok"),
        (61, [1], "warning"),
    ],
)
def test_workers_are_missed_where_events_wait(waited_s: float | None, idle_s: list[float], state: str) -> None:
    assert workers("workers", waited_s, idle_s, claim_idle_s=30, max_age_s=60).state == state
