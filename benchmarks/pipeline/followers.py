"""Ten thousand followers of one api process, on a core of its own; feed, worker and the followers have the other."""

from __future__ import annotations

import resource
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from time import monotonic

import urllib3

from benchmarks import usage
from benchmarks.benchmark import Benchmark, Invalid, Measure, Quantity, Target
from benchmarks.pipeline import sign_ins
from benchmarks.pipeline.crowd import MARK, Crowd
from benchmarks.pipeline.stage import servers, staged
from benchmarks.site import Site

FOLLOWERS = 10_000
SPARE_FILES = 200
JOIN_TIMEOUT_S = 120.0
TOLD_TIMEOUT_S = 60.0
KIB = 1024

DELIVERIES = Quantity("delivered", "events/s", more_is_better=True)
MEMORY = Quantity("memory", "KiB/follower")
CPU = Quantity("CPU of api", "µs/delivery")

# How many events a POST brings; whatever comes while an event is handed out comes in one page with the next.
BURSTS = {"one event at a time": 1, "10 events at a time": 10, "100 events at a time": 100}


@contextmanager
def open_followers(site: Site) -> Iterator[Mapping[str, Measure]]:
    followers = _raise_open_files(site)
    with (
        servers(site, site.cores.load) as on,
        staged(site, on, FOLLOWERS_MAX=str(FOLLOWERS)) as stage,
        stage.worker(site.cores.load),
        stage.web("ingest", site.cores.load) as ingest,
        stage.web("api", site.cores.subject) as api,
    ):
        crowd = Crowd(api.port)
        tell = Teller(ingest.url, crowd, api.serving_pid)
        with crowd:
            crowd.join(1, JOIN_TIMEOUT_S)
            tell(100)
            before = usage.memory(api.serving_pid).rss_bytes
            crowd.join(followers - 1, JOIN_TIMEOUT_S)

            def measure(burst: int) -> Mapping[Quantity, float]:
                figures = tell.during(site.seconds, burst)
                grown = usage.memory(api.serving_pid).rss_bytes - before
                return {**figures, MEMORY: grown / KIB / (followers - 1)}

            yield {name: partial(measure, burst) for name, burst in BURSTS.items()}


class Teller:
    """Posts events, and lets the crowd receive them."""

    def __init__(self, url: str, crowd: Crowd, api_pid: int) -> None:
        self._url = f"{url}/wsapi/interaction_data"
        self._crowd = crowd
        self._api_pid = api_pid
        self._http = urllib3.PoolManager(retries=False, timeout=10)

    def __call__(self, events: int) -> None:
        """Return when every follower has been told of so many new ones."""
        body = b"\n".join(b'%b,"mark":"%b"}' % (sign_ins.raw(number)[:-1], MARK) for number in range(events))
        headers = {"Content-Type": "application/x-ndjson"}
        if self._http.request("POST", self._url, body=body, headers=headers).status != 201:
            raise Invalid("a POST was refused")
        self._crowd.receive(events * len(self._crowd), TOLD_TIMEOUT_S)
        if self._crowd.gone:
            raise Invalid(f"{self._crowd.gone} followers were let go")

    def during(self, seconds: float, burst: int) -> Mapping[Quantity, float]:
        began, cpu_us, before = monotonic(), usage.cpu_us(self._api_pid), self._crowd.deliveries
        while monotonic() - began < seconds:
            self(burst)
        took_s, deliveries = monotonic() - began, self._crowd.deliveries - before
        return {DELIVERIES: deliveries / took_s, CPU: (usage.cpu_us(self._api_pid) - cpu_us) / deliveries}


def _raise_open_files(site: Site) -> int:
    """How many followers there can be: each is an open file of ours, and one of api's, which inherits the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FOLLOWERS + SPARE_FILES
    if soft < wanted:
        soft = hard if hard != resource.RLIM_INFINITY and hard < wanted else wanted
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft < wanted:
        site.say(f"only {soft - SPARE_FILES} followers: {FOLLOWERS} take `ulimit -Hn {wanted}`, and here it is {hard}")
    return min(FOLLOWERS, soft - SPARE_FILES)


FOLLOWING = Benchmark(
    name="followers",
    title="10,000 followers of one api process on one core",
    subjects=tuple(BURSTS),
    quantities=(DELIVERIES, MEMORY, CPU),
    targets=[
        *(Target("deliveries", subject, DELIVERIES, 20_000) for subject in BURSTS),
        *(Target("memory of a follower", subject, MEMORY, 40.0) for subject in BURSTS),
    ],
    open=open_followers,
)
