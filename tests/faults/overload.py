"""Three times as much as the pipeline drains: refused in time, in flat memory, and well again at once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from coinslot.selftest.account import Account
from coinslot.selftest.journal import Journal
from coinslot.selftest.load import Load
from coinslot.stack.servers import RedisServer
from tests.faults.answers import Answers
from tests.faults.campaign import Campaign
from tests.faults.gauges import Gauges, resident_mib
from tests.pipeline import Pipeline, until

TIMES = 3  # what is drained beforehand; meanwhile less or more is, as machines have it
EVENTS_A_POST = 2
THREADS = 16
LOAD: dict[str, Any] = {
    "threads": THREADS, "events_per_post": EVENTS_A_POST, "padding_bytes": 2000, "resend": False,
}  # fmt: skip
CALIBRATION_S, CALIBRATION_PAUSE_S = 10.0, 0.04
BACKLOG_S = 12  # how long the worker takes for the most that may wait
WELL_S = 30.0
BACKLOG = "backlog, messages"

# A worker that writes every message by itself: one that is easily asked for too much.
SLOW = {"BATCH_MAX_EVENTS": "1", "FEED_MAX_EVENTS": "5000"}


@dataclass
class Overload:
    """What was seen."""

    drain_a_s: float  # POSTs, before it
    offered: int  # POSTs
    taken: int
    answers: Answers
    gauges: Gauges
    backlog_max: int
    taken_again_s: float = 0.0
    drained_s: float = 0.0
    account: Account | None = None
    deaths: int = 0

    @property
    def times(self) -> float:
        """How much was offered of what was drained meanwhile."""
        return self.offered / (self.taken - self.gauges.rows[BACKLOG][-1])

    def print(self, what: str, seconds: float) -> None:
        print(
            f"\n{what}: {seconds:g} s; drained {self.drain_a_s:.0f} POSTs a second beforehand; offered "
            f"{self.offered / seconds:.0f} a second, {self.times:.1f} times what was drained meanwhile, and taken "
            f"{self.taken / seconds:.0f}; answers {dict(self.answers.statuses)}"
        )
        print(self.gauges.table())


class Calibration(NamedTuple):
    drain_a_s: float  # POSTs stored
    post_s: float  # how long a POST takes, besides the pause after it

    @property
    def pause_s(self) -> float:
        """The one that makes TIMES the drain of all threads together."""
        return max(0.0, THREADS / (TIMES * self.drain_a_s) - self.post_s)


def calibrated(pipeline: Pipeline) -> Calibration:
    """While the pipeline is offered more than it stores."""
    answers = Answers()
    with Load(pipeline.url, Journal(), **LOAD, pause_s=CALIBRATION_PAUSE_S, heard=answers):
        until(lambda: pipeline.audit()["stored"] > 0)
        began, stored, posts = time.monotonic(), pipeline.audit()["stored"], answers.statuses.total()
        time.sleep(CALIBRATION_S)
        stored, posts = pipeline.audit()["stored"] - stored, answers.statuses.total() - posts
        passed_s = time.monotonic() - began
    assert pipeline.audit()["queued_messages"] > 0, "the load was no overload"
    return Calibration(stored / EVENTS_A_POST / passed_s, THREADS * passed_s / posts - CALIBRATION_PAUSE_S)


def overloaded(
    folder: Path, server: RedisServer, environment: dict[str, str], seconds: float, *, refuses: bool
) -> Overload:
    """The load for so many seconds, and if it `refuses`, what came of all that was taken."""
    environment = SLOW | environment | {"REDIS_URL": server.url}
    with Pipeline(
        folder, environment | {"KEY_PREFIX": "calibration", "DB_NAME": f"{environment['DB_NAME']}-c"}
    ) as pipeline:
        calibration = calibrated(pipeline)
    backlog_max = round(BACKLOG_S * calibration.drain_a_s)
    limit = {"BACKLOG_MAX_MESSAGES": str(backlog_max)} if refuses else {}
    with Pipeline(folder, environment | limit) as pipeline:
        return under_load(pipeline, server, calibration, backlog_max, seconds, refuses=refuses)


def under_load(
    pipeline: Pipeline,
    server: RedisServer,
    calibration: Calibration,
    backlog_max: int,
    seconds: float,
    *,
    refuses: bool,
) -> Overload:
    answers = Answers()
    campaign = Campaign(pipeline, pipeline.workers, **LOAD, pause_s=calibration.pause_s, heard=answers)
    gauges = Gauges(
        {
            "front, MiB": lambda: resident_mib(pipeline.front.pid),
            "worker, MiB": lambda: resident_mib(pipeline.workers[0].pid),
            "redis, MiB": lambda: resident_mib(server.pid),
            BACKLOG: lambda: pipeline.audit()["queued_messages"],
        }
    )
    with campaign.under_load(), gauges:
        end = time.monotonic() + seconds
        campaign.supervise(lambda: time.monotonic() > end, timeout_s=seconds + 60)
    seen = Overload(
        calibration.drain_a_s, answers.statuses.total(), answers.statuses[201], answers, gauges, backlog_max
    )
    if refuses:
        recover(pipeline, campaign, seen)
    campaign.witness.stop()
    seen.deaths = len(campaign.deaths)
    return seen


def recover(pipeline: Pipeline, campaign: Campaign, seen: Overload) -> None:
    """How long it takes until POSTs are taken again, and until nothing waits; then the account."""
    ended, id = time.monotonic(), "after-1"
    event = b'{"_id": "%b", "timestamp": %d}' % (id.encode(), time.time() * 1000)
    until(lambda: pipeline.post(event).status == 201, timeout_s=WELL_S, what="taken again")
    seen.taken_again_s = time.monotonic() - ended
    campaign.journal.acknowledge([id])
    until(lambda: pipeline.audit()["queued_messages"] == 0, timeout_s=3 * WELL_S, what="drained")
    seen.drained_s = time.monotonic() - ended
    seen.account = campaign.account()
    campaign.figures("overload", 1, seen.account)
    print(f"201 again after {seen.taken_again_s:.1f} s, nothing queued after {seen.drained_s:.1f} s")
    print(seen.answers.honesty())
