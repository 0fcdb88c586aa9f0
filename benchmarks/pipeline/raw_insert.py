"""python -m benchmarks.pipeline.raw_insert URL DATABASE EVENTS CONCERN (child.py): insert_many, and nothing else."""

from __future__ import annotations

import sys
from typing import Any

from pymongo import MongoClient, WriteConcern

from benchmarks.pipeline import sign_ins

BATCH_EVENTS = 1_000
CONCERNS = {
    "journaled": WriteConcern("majority", j=True),  # as Coinslot's workers ask for
    "default": WriteConcern(),  # the driver leaves it to mongod, which acknowledges before it writes to disk
}


def main(url: str, database: str, events: int, concern: str) -> None:
    with MongoClient[dict[str, Any]](url) as client:
        collection = client[database].get_collection("events", write_concern=CONCERNS[concern])
        collection.insert_many(_batch(0))  # which connects, and makes the collection
        print("ready", flush=True)
        sys.stdin.readline()
        for first in range(0, events, BATCH_EVENTS):
            collection.insert_many(_batch(first), ordered=False)


def _batch(first: int) -> list[dict[str, Any]]:
    return [sign_ins.fields(number) for number in range(first, first + BATCH_EVENTS)]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
