"""What an event costs a worker: the queue is filled, and then one `python -m worker` drains it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import NamedTuple

from benchmarks import usage
from benchmarks.benchmark import Benchmark, Measure, Quantity, Target
from benchmarks.pipeline import sign_ins
from benchmarks.pipeline.stage import Stage, pid_of, servers, staged, until
from benchmarks.site import Site
from coinslot.queue import Broker

CPU = Quantity("CPU of the worker", "µs/event")
RATE = Quantity("drained", "events/s", more_is_better=True)
REDIS_CPU = Quantity("CPU of Redis", "µs/event")
MONGOD_CPU = Quantity("CPU of mongod", "µs/event")

EVENTS_PER_S = 12_000  # events of a round, for each second that it may take
FROM, TO = 0.1, 0.95  # of them: what a worker's start and its last, smaller batch cost does not count
DRAIN_TIMEOUT_S = 60.0

# Group commit makes messages of what is posted at the same time; a POST of many events is a message of its own.
SIZES = {"messages of 16 to 64 events": range(16, 65), "messages of 500 events": (500,)}


class Snapshot(NamedTuple):
    at_s: float
    stored: int
    worker_us: float
    redis_us: float
    mongod_us: float


@contextmanager
def open_worker(site: Site) -> Iterator[Mapping[str, Measure]]:
    with servers(site, site.cores.load) as on:

        def measure(sizes: Sequence[int]) -> Mapping[Quantity, float]:
            with staged(site, on) as stage:
                events = fill(stage, int(site.seconds * EVENTS_PER_S), sizes)
                return _drain(stage, events, site)

        yield {name: partial(measure, sizes) for name, sizes in SIZES.items()}


def fill(stage: Stage, events: int, sizes: Sequence[int]) -> int:
    """Queue at least so many, in messages of these sizes by chance; how many they were."""
    chance, publish, queued = random.Random(1), Broker(stage.settings).publisher(), 0
    while queued < events:
        size = chance.choice(sizes)
        publish(b"[%b]" % b",".join(sign_ins.accepted(queued, size)), size)
        queued += size
    publish.close()
    return queued


def _drain(stage: Stage, events: int, site: Site) -> Mapping[Quantity, float]:
    with stage.worker(site.cores.subject) as pid:
        first = drained(stage, pid, int(events * FROM))
        last = drained(stage, pid, int(events * TO))
    return figures(first, last)


def drained(stage: Stage, worker_pid: int, events: int) -> Snapshot:
    """Once so many are stored."""
    until(lambda: stage.audit().stored >= events, DRAIN_TIMEOUT_S, f"not {events} events drained")
    return Snapshot(
        monotonic(),
        stage.audit().stored,
        usage.cpu_us(worker_pid),
        usage.cpu_us(pid_of(stage.redis)),
        usage.cpu_us(pid_of(stage.mongo)),
    )


def figures(first: Snapshot, last: Snapshot) -> Mapping[Quantity, float]:
    events = last.stored - first.stored
    return {
        CPU: (last.worker_us - first.worker_us) / events,
        RATE: events / (last.at_s - first.at_s),
        REDIS_CPU: (last.redis_us - first.redis_us) / events,
        MONGOD_CPU: (last.mongod_us - first.mongod_us) / events,
    }


WORKER = Benchmark(
    name="worker",
    title="a worker that drains a filled queue",
    subjects=tuple(SIZES),
    quantities=(CPU, RATE, REDIS_CPU, MONGOD_CPU),
    targets=[Target("worker CPU an event", subject, CPU, 8.0) for subject in SIZES],
    open=open_worker,
)
