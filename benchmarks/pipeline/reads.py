"""Whether `count` and `last` stay as quick as they are when a hundred times as many events are stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from time import perf_counter

import urllib3

from benchmarks.benchmark import Benchmark, Invalid, Measure, Quantity, Target
from benchmarks.pipeline.bank import bank
from benchmarks.pipeline.percentiles import percentile
from benchmarks.pipeline.stage import Stage, servers, staged
from benchmarks.site import Site

FEW, MANY = "50,000 events stored", "5 million events stored"
STORED = {FEW: 50_000, MANY: 5_000_000}
REQUESTS = 300
NOISE = 1.25
TIMEOUT_S = 30.0

COUNT = Quantity("count", "ms")
LAST = Quantity("last", "ms")
FIRST_COUNT = Quantity("the first count of an api", "ms")


@contextmanager
def open_reads(site: Site) -> Iterator[Mapping[str, Measure]]:
    with servers(site, site.cores.load) as on, staged(site, on) as few, staged(site, on) as many:
        stages = {FEW: few, MANY: many}
        for name, stage in stages.items():
            site.say(f"storing {STORED[name]:,} events")
            bank(on.mongo.url, stage.name, STORED[name])
        yield {name: partial(_measure, stage, STORED[name], site) for name, stage in stages.items()}


def _measure(stage: Stage, stored: int, site: Site) -> Mapping[Quantity, float]:
    with stage.web("api", site.cores.subject) as api, urllib3.PoolManager(retries=False, timeout=TIMEOUT_S) as http:

        def ask_ms(what: str) -> float:
            began = perf_counter()
            answer = http.request("GET", f"{api.url}/wsapi/interaction_data/{what}")
            if answer.status != 200 or (what == "count" and answer.json() != stored):
                raise Invalid(f"{what} is {answer.status} {answer.data[:100]!r}")
            return (perf_counter() - began) * 1000

        first = ask_ms("count")
        counts, lasts = zip(*((ask_ms("count"), ask_ms("last")) for _ in range(REQUESTS)), strict=True)
    return {COUNT: percentile(counts, 50), LAST: percentile(lasts, 50), FIRST_COUNT: first}


READS = Benchmark(
    name="reads",
    title="count and last, however much is stored",
    subjects=tuple(STORED),
    quantities=(COUNT, LAST, FIRST_COUNT),
    targets=[Target(f"{each.name} in constant time", MANY, each, NOISE, FEW) for each in (COUNT, LAST)],
    open=open_reads,
)
