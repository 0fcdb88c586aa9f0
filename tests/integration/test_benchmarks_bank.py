"""What the benchmarks put straight into MongoDB, held against what a store puts there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pymongo
import pytest

from benchmarks.pipeline import sign_ins
from benchmarks.pipeline.bank import bank
from coinslot.events import trusted
from coinslot.store import chunks
from coinslot.store.mongodb import MongoStore

EVENTS = 20


@pytest.fixture
def banked(mongodb_url: str, prefix: str) -> Iterator[MongoStore]:
    bank(mongodb_url, prefix, EVENTS)
    store = MongoStore(mongodb_url, prefix)
    yield store
    store.close()


def test_a_bank_is_read_as_what_a_store_has_stored(banked: MongoStore) -> None:
    events = trusted(b"[" + b",".join(chunks.split(banked.find(sign_ins.FIRST_MS + 5))) + b"]")

    assert banked.count() == EVENTS
    assert [each.fields | {"_id": ""} for each in events] == [
        {"_id": "", **sign_ins.fields(number)} for number in range(5, EVENTS)
    ]


def test_its_documents_and_indexes_have_the_form_of_a_stores(banked: MongoStore, mongodb_url: str, prefix: str) -> None:
    banked.insert(trusted(b"[" + b",".join(sign_ins.accepted(EVENTS, 1)) + b"]", received_at_ms=1))

    with pymongo.MongoClient[dict[str, Any]](mongodb_url) as client:
        events = client[prefix]["events"]
        by_bank, by_store = (events.find_one(sort=[("timestamp", order)]) for order in (1, -1))
        indexes = set(events.index_information())

    assert by_bank and by_store
    assert {name: type(value) for name, value in by_bank.items()} == {
        name: type(value) for name, value in by_store.items()
    }
    assert indexes == {"_id_", "timestamp_1__id_1"}
