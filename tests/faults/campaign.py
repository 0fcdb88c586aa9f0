"""A fault run: a load and a resuming follower on a pipeline, trouble meanwhile, and the account at its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from coinslot.client import Client
from coinslot.selftest.account import Account, draw_up
from coinslot.selftest.journal import Journal
from coinslot.selftest.load import Load
from coinslot.selftest.nemesis import Nemesis
from coinslot.selftest.witness import Witness
from coinslot.stack.process import Process
from coinslot.stack.supervisor import Supervisor
from tests.faults.account import left_over
from tests.letters import dead_ids
from tests.pipeline import Pipeline

LOAD: dict[str, Any] = {"events_per_post": 10, "pause_s": 0.02}
QUICK_CLAIMS = {"CLAIM_IDLE_S": "1", "CLAIM_EVERY_S": "0.2"}

TICK_S = 0.05
SETTLE_TIMEOUT_S = 90.0
TOLD_TIMEOUT_S = 30.0


class Campaign:
    """Over a started pipeline: `journal` and `witness` while `under_load`, then `account`.

    Processes and servers that the trouble kills are started again, by this, in the main thread, if they are
    `watched` (a child dies with the thread that started it). `post_url`, `follow_url`: who takes the
    load and tells the witness, if not the front.
    """

    def __init__(
        self, pipeline: Pipeline, watched: list[Process], *, post_url: str = "", follow_url: str = "", **load: Any
    ) -> None:
        self.journal = Journal()
        self.witness = Witness(follow_url or pipeline.url)
        self.deaths: list[str] = []
        self.restarting = threading.Lock()  # who holds it keeps what is dead from being started again
        self._pipeline = pipeline
        self._supervisor = Supervisor(self.deaths.append, longest_pause_s=0.2)
        for process in watched:
            self._supervisor.watch(process)
        self._load = Load(post_url or pipeline.url, self.journal, **load)

    @contextmanager
    def under_load(self) -> Iterator[None]:
        self.witness.start()
        with self._load:
            yield

    def supervise(self, until: Callable[[], bool], timeout_s: float) -> None:
        """Keep what is watched running until then; fails if it takes longer."""
        deadline = time.monotonic() + timeout_s
        while not until():
            assert time.monotonic() < deadline, f"still not after {timeout_s:g} s: {until}; {self.deaths[-5:]}"
            with self.restarting:
                self._supervisor.run_once()
            time.sleep(TICK_S)

    def run(
        self, actions: Mapping[str, Callable[[], None]], *, times: int, pause_s: tuple[float, float], seed: int = 1
    ) -> Nemesis:
        """Do one of the actions so many times, in turn with pauses, under load."""
        nemesis = Nemesis(actions, pause_s, seed, times)
        with self.under_load():
            with nemesis:
                self.supervise(nemesis.has_ended, timeout_s=times * 120)
            self.supervise(self._is_up, timeout_s=60)
        return nemesis

    def flows(self, events: int = 500) -> Callable[[], bool]:
        """A question, to be asked from now on: whether so many more events have been acknowledged."""
        before = len(self.journal.acknowledged)
        return lambda: len(self.journal.acknowledged) >= before + events

    def drains(self) -> Callable[[], bool]:
        """A question, to be asked from now on: whether all that has been acknowledged until now was stored and told."""
        untold = self.journal.acknowledged - self.witness.seen
        return lambda: all(id in self.witness.seen for id in untold)

    def account(self) -> Account:
        """The figures at the end, with which the follower stops."""
        account = self.account_so_far()
        self.witness.stop()
        return account

    def account_so_far(self) -> Account:
        """The figures, once everything is settled and told."""
        self.supervise(self._is_settled, SETTLE_TIMEOUT_S)
        with Client(self._pipeline.url) as client:
            stored = [event["_id"] for event in client.fetch_range()]
            what, dead = client.audit()["what"], dead_ids(client)
        deadline = time.monotonic() + TOLD_TIMEOUT_S
        # What a gap has passed over is never told.
        while not (self.witness.seen >= set(stored) or self.witness.gaps) and time.monotonic() < deadline:
            time.sleep(TICK_S)
        journal, left = self.journal, left_over(self._pipeline)
        return draw_up(journal.acknowledged, journal.attempted, stored, self.witness.seen, what, left, dead)

    def figures(self, what: str, times: int, account: Account) -> None:
        """Print them, on a line that shows with `pytest -s`."""
        journal = self.journal
        refusals = " ".join(f"{status}: {count}" for status, count in sorted(journal.refusals.items())) or "none"
        print(
            f"\n{what}: {times} times, {len(journal.acknowledged)} acknowledged, lost {account.lost}, "
            f"unexpected {account.unexpected}, twice {account.twice}, unfed {account.unfed}, left {account.left}, "
            f"dead {account.dead}, audit {account.what or 'balances'}; "
            f"longest wait {self.witness.longest_wait_s:.1f} s; refusals {refusals}, unanswered {journal.unanswered}"
        )

    def _is_up(self) -> bool:
        return self._pipeline.answers("/ready")

    def _is_settled(self) -> bool:
        return self._is_up() and self._pipeline.audit().get("queued_messages") == 0  # else it is an error again
