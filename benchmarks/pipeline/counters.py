"""How long reading a namespace of a thousand counters takes, with a goal that everything leads to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from random import Random
from time import perf_counter

import msgspec
import urllib3

from benchmarks.benchmark import Benchmark, Invalid, Measure, Quantity, Target
from benchmarks.pipeline import goals
from benchmarks.pipeline.percentiles import percentile
from benchmarks.pipeline.poster import ANALYTIC_EVENTS, post_all
from benchmarks.pipeline.stage import Stage, servers, staged
from benchmarks.site import Site

MANY = 1_000  # with the goal's, and the one of all users
USERS, REACHED, EVENTS_EACH = 2_000, 500, 20
REACHED_AT_ONCE = 50
EVENTS_PER_POST = 1_000
GOAL = "goal"
RULES = '[{"size": 10000}]'
REQUESTS = 30
TIMEOUT_S = 30.0

COUNTS = Quantity("counts", "ms")
PREDICTIONS = Quantity("predictions of all events", "ms")
OF_USER = Quantity("predictions of a user", "ms")
NUDGES = Quantity("nudges", "ms")
PATHS = {
    COUNTS: "/v0/analytics",
    PREDICTIONS: "/v0/predictions",
    OF_USER: f"/v0/predictions?user_id={USERS - 1}",  # who has not reached the goal
    NUDGES: f"/v0/nudges?user_id={USERS - 1}&goal={GOAL}",
}

API = "api"


@contextmanager
def open_counters(site: Site) -> Iterator[Mapping[str, Measure]]:
    with servers(site, site.cores.load) as on, staged(site, on) as stage:
        _count(stage, site)
        yield {API: partial(_measure, stage, site)}


def _count(stage: Stage, site: Site) -> None:
    """What everybody does, and only then who reaches the goal: few at a time, for that keeps Redis busy."""
    goal = [{"event_name": GOAL, "user_id": f"{user}"} for user in range(REACHED)]
    counted = 0
    with stage.web("front", site.cores.subject) as front, stage.worker(site.cores.load, COUNTERS=RULES):
        goals.make(front.url, GOAL)
        for events in ([*_did()], *_parts(goal, REACHED_AT_ONCE)):
            post_all(front.url, map(msgspec.json.encode, _parts(events, EVENTS_PER_POST)), ANALYTIC_EVENTS)
            counted += len(events)
            stage.wait_counted(counted, TIMEOUT_S)


def _parts(events: Sequence[dict[str, str]], size: int) -> Iterator[Sequence[dict[str, str]]]:
    return (events[first : first + size] for first in range(0, len(events), size))


def _did() -> Iterator[dict[str, str]]:
    chance, names = Random(1), [f"event-{number:03}" for number in range(MANY - 2)]
    for user in range(USERS):
        # Of the first users each begins with a name of its own, lest one be left out.
        for name in {names[user % len(names)], *chance.sample(names, EVENTS_EACH - 1)}:
            yield {"event_name": name, "user_id": f"{user}"}


def _measure(stage: Stage, site: Site) -> Mapping[Quantity, float]:
    with stage.web("api", site.cores.subject) as api, urllib3.PoolManager(retries=False, timeout=TIMEOUT_S) as http:

        def ask(path: str) -> bytes:
            answer = http.request("GET", f"{api.url}{path}")
            if answer.status != 200:
                raise Invalid(f"{path} is answered {answer.status} {answer.data[:100]!r}")
            return answer.data

        counters = len(msgspec.json.decode(ask(PATHS[COUNTS]))["counts"])
        if counters != MANY:
            raise Invalid(f"{counters} counters")
        return {quantity: _median_ms(ask, path) for quantity, path in PATHS.items()}


def _median_ms(ask: Callable[[str], bytes], path: str) -> float:
    took_ms = []
    for _ in range(REQUESTS):
        began = perf_counter()
        ask(path)
        took_ms.append((perf_counter() - began) * 1000)
    return percentile(took_ms, 50)


COUNTERS = Benchmark(
    name="counters",
    title=f"reading {MANY:,} counters, and predictions from them",
    subjects=(API,),
    quantities=tuple(PATHS),
    targets=[
        Target("counts of 1,000 counters", API, COUNTS, 100.0),
        Target("predictions of 1,000 counters", API, PREDICTIONS, 100.0),
    ],
    open=open_counters,
)
