"""python -m benchmarks.pipeline.raw_export URL DATABASE START: find_raw_batches, and nothing done with them (child.py).

It says the seconds that it took, connections already made.
"""

from __future__ import annotations

import sys
from time import perf_counter

from pymongo import MongoClient

from coinslot.store.mongodb_queries import INDEX


def main(url: str, database: str, start: int) -> None:
    with MongoClient[dict[str, object]](url) as client:
        events = client[database]["events"]
        events.find_one()
        print("ready", flush=True)
        sys.stdin.readline()
        began = perf_counter()
        for _ in events.find_raw_batches({"timestamp": {"$gte": start}}, sort=INDEX, hint=INDEX):
            pass
        print(perf_counter() - began)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
