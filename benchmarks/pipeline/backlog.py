"""Whether a long queue slows down who fills it and who drains it.

Two Coinslots take turns, with a Redis each: the queue of one is empty, and in that of the other are two million events.
A round posts some and then drains as many, so both stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from time import monotonic

from benchmarks import usage
from benchmarks.benchmark import Benchmark, Measure, Quantity, Target
from benchmarks.pipeline import sign_ins
from benchmarks.pipeline.poster import post_all
from benchmarks.pipeline.stage import Stage, Web, pid_of, servers, staged
from benchmarks.pipeline.worker import CPU, RATE, REDIS_CPU, drained, figures
from benchmarks.site import Site

EMPTY, FULL = "an empty queue", "2 million events queued"
QUEUED = {EMPTY: 0, FULL: 2_000_000}
EVENTS_PER_POST = 500
EVENTS_PER_S = 12_000  # events of a round, for each second that it may take
FROM, TO = 0.1, 0.9  # of what is drained; a worker's start does not count
CLOSE = 1.1  # within 10%

POSTED = Quantity("posted", "events/s", more_is_better=True)
INGEST_CPU = Quantity("CPU of ingest", "µs/event")
REDIS_INGEST_CPU = Quantity("CPU of Redis, posting", "µs/event")
DRAINED = Quantity("drained", "events/s", more_is_better=True)
WORKER_CPU = Quantity("CPU of the worker", "µs/event")
REDIS_DRAIN_CPU = Quantity("CPU of Redis, draining", "µs/event")

REWRITE = Quantity("Redis rewrites its file", "s")


@contextmanager
def open_backlog(site: Site) -> Iterator[Mapping[str, Measure]]:
    with ExitStack() as running:
        measures = {}
        for name, queued in QUEUED.items():
            on = running.enter_context(servers(site, site.cores.load, rewrites=False))
            stage = running.enter_context(staged(site, on))
            ingest = running.enter_context(stage.web("ingest", site.cores.subject))
            if queued:
                site.say(f"queueing {queued:,} events")
            post_all(ingest.url, _bodies(queued))
            measures[name] = partial(_measure, stage, ingest, site)
        yield measures


def _bodies(events: int) -> Iterator[bytes]:
    return (sign_ins.ndjson(first, EVENTS_PER_POST) for first in range(0, events, EVENTS_PER_POST))


def _measure(stage: Stage, ingest: Web, site: Site) -> Mapping[Quantity, float]:
    events = int(site.seconds * EVENTS_PER_S)
    began = monotonic()
    stage.rewrite()
    rewritten = {REWRITE: monotonic() - began}
    posted = _post(stage, ingest, events)
    with stage.worker(site.cores.subject) as pid:
        stored = stage.audit().stored
        first = drained(stage, pid, stored + int(events * FROM))
        last = drained(stage, pid, stored + int(events * TO))
        drained(stage, pid, stored + events)
    told = figures(first, last)
    return {**rewritten, **posted, DRAINED: told[RATE], WORKER_CPU: told[CPU], REDIS_DRAIN_CPU: told[REDIS_CPU]}


def _post(stage: Stage, ingest: Web, events: int) -> Mapping[Quantity, float]:
    bodies, redis_pid = list(_bodies(events)), pid_of(stage.redis)
    ingest_us, redis_us, began = usage.cpu_us(ingest.pid), usage.cpu_us(redis_pid), monotonic()
    post_all(ingest.url, bodies)
    return {
        POSTED: events / (monotonic() - began),
        INGEST_CPU: (usage.cpu_us(ingest.pid) - ingest_us) / events,
        REDIS_INGEST_CPU: (usage.cpu_us(redis_pid) - redis_us) / events,
    }


BACKLOG = Benchmark(
    name="backlog",
    title="filling and draining a queue, however much is in it",
    subjects=tuple(QUEUED),
    quantities=(POSTED, INGEST_CPU, REDIS_INGEST_CPU, DRAINED, WORKER_CPU, REDIS_DRAIN_CPU, REWRITE),
    targets=[
        Target("ingest rate at a backlog", FULL, POSTED, 1 / CLOSE, EMPTY),
        Target("ingest CPU at a backlog", FULL, INGEST_CPU, CLOSE, EMPTY),
        Target("drain rate at a backlog", FULL, DRAINED, 1 / CLOSE, EMPTY),
        Target("worker CPU at a backlog", FULL, WORKER_CPU, CLOSE, EMPTY),
    ],
    open=open_backlog,
)
