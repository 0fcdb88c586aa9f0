"""An HTTP server under load: how much it takes, what that costs, and whether what it acknowledged is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import urllib3

from benchmarks import usage
from benchmarks.benchmark import Invalid, Quantity
from benchmarks.http.backends import Backends
from benchmarks.http.event import Body
from benchmarks.http.wrk import CONNECTIONS, Tally, load
from benchmarks.site import Site
from coinslot.errors import NotReady
from coinslot.stack.process import Process

RATE = Quantity("rate", "events/s", more_is_better=True)
CPU = Quantity("server's CPU", "µs/event")
BEHIND_CPU = Quantity("CPU of Redis and MongoDB", "µs/event")
P50 = Quantity("p50", "ms")
P99 = Quantity("p99", "ms")
QUANTITIES = (RATE, CPU, BEHIND_CPU, P50, P99)

WARM_UP_S = 1
START_TIMEOUT_S = 20.0
LOG_TAIL = 500  # characters
SETTLE_S = 0.3  # the requests that wrk leaves unanswered at its end are through by then


@dataclass(frozen=True)
class Contender:
    """`stored` counts the events that are where it puts them; None if it keeps none."""

    process: Process
    url: str
    body: Body
    stored: Callable[[], int] | None
    method: str = "POST"

    def wait_up(self) -> None:
        """Return once it answers the request with success. Raises NotReady, with the end of its log."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while (answer := self._try()) is None or answer >= 300:
            if time.monotonic() > deadline or not self.process.is_running():
                log = self.process.log.read_text(errors="replace")[-LOG_TAIL:].strip() if self.process.log else ""
                raise NotReady(f"it answers {answer or 'nothing'} at its start; its log ends with {log!r}")
            time.sleep(0.05)

    def _try(self) -> int | None:
        headers = {"Content-Type": self.body.media}
        try:
            return urllib3.request(
                self.method, self.url, body=self.body.text.encode(), headers=headers, retries=False, timeout=5
            ).status
        except urllib3.exceptions.HTTPError:
            return None


def measure(contender: Contender, behind: Backends, site: Site) -> Mapping[Quantity, float]:
    """One round. Raises Invalid."""
    behind.clear()
    warm_up = _load(contender, WARM_UP_S, site)
    before_us, behind_before_us = _cpu_us(contender.process), behind.cpu_us()
    tally = _load(contender, site.seconds, site)
    server_us, behind_us = _cpu_us(contender.process) - before_us, behind.cpu_us() - behind_before_us
    if contender.stored:
        time.sleep(SETTLE_S)
        check_kept(warm_up.requests + tally.requests, contender.stored(), contender.body.events)
    events = tally.requests * contender.body.events
    return {
        RATE: events / (tally.duration_us / 1e6),
        CPU: server_us / events,
        BEHIND_CPU: behind_us / events,
        P50: tally.p50_us / 1000,
        P99: tally.p99_us / 1000,
    }


def _cpu_us(process: Process) -> int:
    return usage.cpu_us(process.pid) if process.pid else 0


def _load(contender: Contender, seconds: float, site: Site) -> Tally:
    tally = load(contender.url, contender.method, contender.body, seconds, site.cores.load)
    if tally.refused or tally.broken or not tally.requests:
        raise Invalid(f"of {tally.requests} requests {tally.refused} were refused, {tally.broken} broken")
    return tally


def check_kept(requests: int, stored: int, events_each: int) -> None:
    """What was acknowledged is there, and no more besides than was in flight when wrk ended, twice. Raises Invalid."""
    acknowledged = requests * events_each
    if not acknowledged <= stored <= acknowledged + 2 * CONNECTIONS * events_each:
        raise Invalid(f"{acknowledged} events were acknowledged, {stored} are there")
