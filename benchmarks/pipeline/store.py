"""Stored end to end: from the first POST until all is stored and settled, against pymongo alone on the same mongod."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from time import monotonic

import pymongo

from benchmarks.benchmark import Benchmark, Measure, Quantity, Target
from benchmarks.pipeline import sign_ins
from benchmarks.pipeline.child import Child
from benchmarks.pipeline.poster import post_all
from benchmarks.pipeline.raw_insert import BATCH_EVENTS
from benchmarks.pipeline.stage import Servers, servers, staged
from benchmarks.site import Site
from coinslot.store.mongodb_queries import INDEX

EVENTS_PER_S = 20_000  # events of a round, for each second that it may take
EVENTS_PER_POST = 500
WARM_UP_POSTS = 10
STORE_TIMEOUT_S = 60.0

RATE = Quantity("stored", "events/s", more_is_better=True)

OURS = {"Coinslot, 1 worker": 1, "Coinslot, 2 workers": 2}
RAW, RAW_TWO = "insert_many, 1 process", "insert_many, 2 processes"
INDEXED = "insert_many, 2 processes, with Coinslot's index"
UNJOURNALED = "insert_many, 2 processes, the driver's own write concern"


@contextmanager
def open_store(site: Site) -> Iterator[Mapping[str, Measure]]:
    events = int(site.seconds * EVENTS_PER_S)
    bodies = [sign_ins.ndjson(first, EVENTS_PER_POST) for first in range(0, events, EVENTS_PER_POST)]
    with servers(site, site.cores.both) as on:
        ours = {name: partial(_coinslot, site, on, bodies, workers) for name, workers in OURS.items()}
        yield {
            **ours,
            RAW: partial(_raw, site, on, events, 1),
            RAW_TWO: partial(_raw, site, on, events, 2),
            INDEXED: partial(_raw, site, on, events, 2, indexed=True),
            UNJOURNALED: partial(_raw, site, on, events, 2, concern="default"),
        }


def _coinslot(site: Site, on: Servers, bodies: list[bytes], workers: int) -> Mapping[Quantity, float]:
    everywhere = site.cores.both
    warm_up, events = WARM_UP_POSTS * EVENTS_PER_POST, len(bodies) * EVENTS_PER_POST
    with ExitStack() as running:
        stage = running.enter_context(staged(site, on))
        ingest = running.enter_context(stage.web("ingest", everywhere))
        for _ in range(workers):
            running.enter_context(stage.worker(everywhere))
        post_all(ingest.url, bodies[:WARM_UP_POSTS])
        stage.wait_stored(warm_up, STORE_TIMEOUT_S)
        began = monotonic()
        post_all(ingest.url, bodies)
        stage.wait_stored(warm_up + events, STORE_TIMEOUT_S)
        return {RATE: events / (monotonic() - began)}


def _raw(
    site: Site, on: Servers, events: int, processes: int, *, indexed: bool = False, concern: str = "journaled"
) -> Mapping[Quantity, float]:
    share = events // processes // BATCH_EVENTS * BATCH_EVENTS
    with staged(site, on) as stage, ExitStack() as running:
        if indexed:
            with pymongo.MongoClient[dict[str, object]](on.mongo.url) as client:
                client[stage.name]["events"].create_index(INDEX)
        command = ("benchmarks.pipeline.raw_insert", on.mongo.url, stage.name, share, concern)
        children = [Child(*command, cpus=site.cores.both) for _ in range(processes)]
        inserters = [running.enter_context(child) for child in children]
        began = monotonic()
        for each in inserters:
            each.go()
        for each in inserters:
            each.result()
        return {RATE: share * processes / (monotonic() - began)}


STORE = Benchmark(
    name="store",
    title=f"POSTs of {EVENTS_PER_POST} events, until all are stored and settled; everything on two processors",
    subjects=(*OURS, RAW, RAW_TWO, INDEXED, UNJOURNALED),
    quantities=(RATE,),
    targets=[Target("stored end to end", subject, RATE, 0.6, peer) for subject in OURS for peer in (RAW, RAW_TWO)],
    open=open_store,
)
