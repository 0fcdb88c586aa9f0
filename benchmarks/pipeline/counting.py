"""What counting an analytic event costs, from POST until it is counted, and what storing the same events does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from time import monotonic
from typing import NamedTuple

from benchmarks import usage
from benchmarks.benchmark import Benchmark, Measure, Quantity, Target
from benchmarks.pipeline import goals, visits
from benchmarks.pipeline.poster import ANALYTIC_EVENTS, EVENTS, Route, post_all
from benchmarks.pipeline.stage import Servers, Stage, pid_of, servers, staged
from benchmarks.site import Site

EVENTS_PER_S = 15_000  # events of a round, for each second that it may take
EVENTS_PER_POST = 500
WARM_UP_POSTS = 20
TIMEOUT_S = 60.0

RATE = Quantity("settled", "events/s", more_is_better=True)
CPU = Quantity("CPU of all", "µs/event")
PARTS = ("front", "worker", "Redis", "mongod")
PART_CPU = {name: Quantity(f"CPU of {name}", "µs/event") for name in PARTS}


class Way(NamedTuple):
    """route: where the events are posted; join: makes a body of them; wait: until so many have arrived."""

    route: Route
    join: Callable[[Sequence[bytes]], bytes]
    wait: Callable[[Stage, int, float], None]
    workers: int = 1


def _array(raws: Sequence[bytes]) -> bytes:
    return b"[%b]" % b",".join(raws)


ONE, TWO, STORED = "counted, 1 worker", "counted, 2 workers", "stored, 1 worker"
WAYS = {
    ONE: Way(ANALYTIC_EVENTS, _array, Stage.wait_counted),
    TWO: Way(ANALYTIC_EVENTS, _array, Stage.wait_counted, workers=2),
    STORED: Way(EVENTS, b"\n".join, Stage.wait_stored),
}


@contextmanager
def open_counting(site: Site) -> Iterator[Mapping[str, Measure]]:
    events = [*visits.raws(int(site.seconds * EVENTS_PER_S))]
    posts = [events[first : first + EVENTS_PER_POST] for first in range(0, len(events), EVENTS_PER_POST)]
    with servers(site, site.cores.both) as on:
        yield {name: partial(_measure, site, on, way, [*map(way.join, posts)]) for name, way in WAYS.items()}


def _measure(site: Site, on: Servers, way: Way, bodies: list[bytes]) -> Mapping[Quantity, float]:
    everywhere = site.cores.both
    with ExitStack() as running:
        stage = running.enter_context(staged(site, on))
        front = running.enter_context(stage.web("front", everywhere))
        workers = [running.enter_context(stage.worker(everywhere)) for _ in range(way.workers)]
        goals.make(front.url, visits.GOAL)
        post_all(front.url, bodies[:WARM_UP_POSTS], way.route)
        way.wait(stage, WARM_UP_POSTS * EVENTS_PER_POST, TIMEOUT_S)
        pids = {"front": [front.pid], "worker": workers, "Redis": [pid_of(on.redis)], "mongod": [pid_of(on.mongo)]}
        before_us, began = _spent_us(pids), monotonic()
        post_all(front.url, bodies[WARM_UP_POSTS:], way.route)
        way.wait(stage, len(bodies) * EVENTS_PER_POST, TIMEOUT_S)
        took_s, after_us = monotonic() - began, _spent_us(pids)
    events = (len(bodies) - WARM_UP_POSTS) * EVENTS_PER_POST
    each = {PART_CPU[name]: (after_us[name] - before_us[name]) / events for name in PARTS}
    return {RATE: events / took_s, CPU: sum(each.values()), **each}


def _spent_us(pids: Mapping[str, Sequence[int]]) -> dict[str, float]:
    return {name: sum(map(usage.cpu_us, each)) for name, each in pids.items()}


COUNTING = Benchmark(
    name="counting",
    title=f"POSTs of {EVENTS_PER_POST} small events, until all are counted, or stored; everything on two processors",
    subjects=tuple(WAYS),
    quantities=(RATE, CPU, *PART_CPU.values()),
    targets=[
        Target("analytic events counted", ONE, RATE, 25_000),
        Target("CPU of all, counting an event", ONE, CPU, 30.0),
    ],
    open=open_counting,
)
