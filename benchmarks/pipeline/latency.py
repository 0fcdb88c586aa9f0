"""From POST to follower: a thousand events a second, one each, through a whole stack on two processors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from benchmarks.benchmark import Benchmark, Invalid, Measure, Quantity, Target
from benchmarks.pipeline import sign_ins
from benchmarks.pipeline.child import Child
from benchmarks.pipeline.pace import NS, Pace
from benchmarks.pipeline.percentiles import percentile
from benchmarks.pipeline.stage import Web, servers, staged
from benchmarks.pipeline.witness import parse
from benchmarks.site import Site

RATE_PER_S = 1000
WARM_UP_S = 2.0
MS_NS = NS // 1000

MEDIAN = Quantity("p50", "ms")
P99 = Quantity("p99", "ms")
LONGEST = Quantity("longest", "ms")
ANSWER_MEDIAN = Quantity("p50 of the 201", "ms")
ANSWER_P99 = Quantity("p99 of the 201", "ms")

TAKERS = {"ingest, worker, api": "ingest", "front, worker, api": "front"}


@contextmanager
def open_latency(site: Site) -> Iterator[Mapping[str, Measure]]:
    everywhere = site.cores.both
    with (
        servers(site, everywhere) as on,
        staged(site, on) as stage,
        stage.worker(everywhere),
        stage.web("ingest", everywhere) as ingest,
        stage.web("front", everywhere) as front,
        stage.web("api", everywhere) as api,
    ):
        takers = {"ingest": ingest, "front": front}
        yield {name: partial(_measure, takers[taker], api, site) for name, taker in TAKERS.items()}


def _measure(taker: Web, api: Web, site: Site) -> Mapping[Quantity, float]:
    events = int((WARM_UP_S + site.seconds) * RATE_PER_S)
    follower = Child("benchmarks.pipeline.witness", api.port, cpus=site.cores.both)
    with follower as witness, Pace(taker.port, RATE_PER_S, _event) as pace:
        began_ns = pace.run(events)
        witness.go()
        told = parse(witness.result())
    if len(told) != events:
        raise Invalid(f"{events} posted, {len(told)} told")
    told_ms = [(each.came_ns - each.due_ns) / MS_NS for each in told if each.due_ns > began_ns + WARM_UP_S * NS]
    answers_ms = [answer_ns / MS_NS for answer_ns in pace.answers_ns[-len(told_ms) :]]
    return {
        MEDIAN: percentile(told_ms, 50),
        P99: percentile(told_ms, 99),
        LONGEST: max(told_ms),
        ANSWER_MEDIAN: percentile(answers_ms, 50),
        ANSWER_P99: percentile(answers_ms, 99),
    }


def _event(number: int, due_ns: int) -> bytes:
    return b'{"due_ns":%d,%b' % (due_ns, sign_ins.raw(number)[1:])


LATENCY = Benchmark(
    name="latency",
    title=f"from POST to follower, at {RATE_PER_S:,} events a second, one a POST",
    subjects=tuple(TAKERS),
    quantities=(MEDIAN, P99, LONGEST, ANSWER_MEDIAN, ANSWER_P99),
    targets=[
        *(Target("POST to follower, p50", subject, MEDIAN, 25.0) for subject in TAKERS),
        *(Target("POST to follower, p99", subject, P99, 60.0) for subject in TAKERS),
    ],
    open=open_latency,
)
