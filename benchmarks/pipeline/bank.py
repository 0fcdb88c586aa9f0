"""Events put straight into MongoDB, in the form in which Coinslot stores them: millions in a minute."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import bson
from bson import DatetimeMS
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from benchmarks.pipeline import sign_ins
from coinslot.events import RECEIVED_AT
from coinslot.store.mongodb_queries import INDEX

BATCH_EVENTS = 10_000


def bank(url: str, database: str, events: int) -> None:
    """Store so many."""
    documents = _documents(events)
    with MongoClient[dict[str, Any]](url) as client:
        collection = client[database]["events"]
        while batch := list(islice(documents, BATCH_EVENTS)):
            collection.insert_many(batch, ordered=False)
        collection.create_index(INDEX)


def _documents(events: int) -> Iterator[RawBSONDocument]:
    for number in range(events):
        event = {"_id": f"{number:024x}", **sign_ins.fields(number), RECEIVED_AT: DatetimeMS(sign_ins.FIRST_MS)}
        yield RawBSONDocument(bson.encode(event))
