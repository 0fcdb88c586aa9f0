"""The ledger's sums, on a pretended Redis: what the server does is not the point here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import fakeredis
import pytest

from coinslot.keys import Keys
from coinslot.ledger import Audit, Ledger

KEYS = Keys.of("test")
BALANCED = Audit(accepted=10, stored=4, duplicate=2, dead=1, queued=3, queued_messages=2, queue_messages=2)


@pytest.fixture
def client() -> Iterator[fakeredis.FakeRedis]:
    with fakeredis.FakeRedis() as client:
        yield client


def test_a_ledger_that_was_never_written_balances_at_zero(client: fakeredis.FakeRedis) -> None:
    audit = Ledger(client, KEYS, queue_is_on_redis=True).audit()

    assert audit.accepted == audit.queued == audit.queue_messages == 0
    assert audit.faults == []


def test_the_audit_reads_every_counter_and_the_length_of_the_queue(client: fakeredis.FakeRedis) -> None:
    counters = {"accepted": 10, "stored": 4, "duplicate": 2, "dead": 1, "queued": 3, "queued_messages": 2}
    client.hset(KEYS.ledger, mapping=counters)
    client.xadd(KEYS.queue, {"body": b"[]"})
    client.xadd(KEYS.queue, {"body": b"[]"})

    assert Ledger(client, KEYS, queue_is_on_redis=True).audit() == BALANCED


@pytest.mark.parametrize("field", ["accepted", "stored", "duplicate", "dead", "queued"])
def test_an_event_too_many_anywhere_is_a_fault(field: str) -> None:
    off_by_one = replace(BALANCED, **{field: getattr(BALANCED, field) + 1})

    assert BALANCED.faults == []
    assert len(off_by_one.faults) == 1


def test_a_message_missing_from_the_queue_is_a_fault_where_the_queue_can_be_looked_into() -> None:
    assert replace(BALANCED, queue_messages=1).faults == ["the queue holds 1 messages and should hold 2"]
    assert replace(BALANCED, queue_messages=None).faults == []


def test_events_that_redis_has_lost_are_a_fault() -> None:
    assert replace(BALANCED, lost=7).faults == [
        "Redis was emptied, or came back older than it was: 7 events or more are lost"
    ]


def test_what_was_erased_is_counted_beside_the_sum(client: fakeredis.FakeRedis) -> None:
    ledger = Ledger(client, KEYS, queue_is_on_redis=True)
    for events in (3, 4):
        ledger.add_erased(events)

    assert ledger.audit().erased == 7
    assert replace(BALANCED, erased=7).faults == []


def test_of_two_who_report_a_loss_the_one_who_remembers_more_is_believed(client: fakeredis.FakeRedis) -> None:
    ledger = Ledger(client, KEYS, queue_is_on_redis=True)
    before = ledger.audit().lost
    ledger.report_lost(0)
    emptied = ledger.audit().lost
    for events in (5, 30, 7):
        ledger.report_lost(events)

    assert before is None
    assert emptied == 0
    assert ledger.audit().lost == 30


def test_the_oldest_queued_event_is_as_old_as_the_first_message(client: fakeredis.FakeRedis) -> None:
    ledger = Ledger(client, KEYS, queue_is_on_redis=True)
    when_empty = ledger.oldest_queued_ms()
    client.xadd(KEYS.queue, {"body": b"[]"}, id="1700000000123-0")
    client.xadd(KEYS.queue, {"body": b"[]"}, id="1700000000456-0")

    assert when_empty is None
    assert ledger.oldest_queued_ms() == 1700000000123
