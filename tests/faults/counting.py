"""A fault run of counting: analytic events are posted one batch after another, trouble meanwhile; what was counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

import msgspec
import urllib3

from coinslot import redisclient
from coinslot.analytics.counter import Namespace
from coinslot.analytics.redis_counters import RedisCounters
from coinslot.keys import Keys, ledger_of
from coinslot.selftest.nemesis import Nemesis
from coinslot.stack.process import Process
from coinslot.stack.supervisor import Supervisor
from tests.analytics.counting import shown
from tests.analytics.reference import Reference
from tests.analytics.walks import GOALS, waves
from tests.pipeline import Pipeline

TICK_S = 0.05
RETRY_S = 0.05
SETTLE_TIMEOUT_S = 90.0


class CountingRun:
    """Over a started pipeline: posts while there is trouble, and brings back what that kills of the `watched`.

    A batch is posted until it is accepted, and then the next: so events arrive in their order, some of them twice.
    """

    def __init__(self, pipeline: Pipeline, watched: list[Process], *, events_per_post: int = 7, pause_s: float = 0.0):
        self.accepted: list[dict[str, Any]] = []
        self.refused = 0
        self.deaths: list[str] = []
        environment = pipeline.environment
        self._client: Any = redisclient.connect(environment["REDIS_URL"], timeout_s=5)
        self._keys = Keys.of(environment["KEY_PREFIX"])
        self._pipeline = pipeline
        self._events_per_post, self._pause_s = events_per_post, pause_s
        self._enough = threading.Event()
        self._supervisor = Supervisor(self.deaths.append, longest_pause_s=0.2)
        for process in watched:
            self._supervisor.watch(process)

    def run(
        self, actions: Mapping[str, Callable[[], None]], *, times: int, pause_s: tuple[float, float], seed: int = 1
    ) -> Nemesis:
        """Do one of the actions so many times, in turn with pauses, under load; returns when all is counted."""
        counters = RedisCounters(self._client, self._keys)
        for goal in GOALS:
            counters.make_goal("default", goal)
        nemesis, load = Nemesis(actions, pause_s, seed, times), threading.Thread(target=self._load, daemon=True)
        load.start()
        try:
            with nemesis:
                self._supervise(nemesis.has_ended, timeout_s=times * 20)
        finally:
            self._enough.set()
        self._supervise(lambda: not load.is_alive() and self._is_counted(), SETTLE_TIMEOUT_S)
        return nemesis

    def counted(self) -> Namespace:
        return shown(RedisCounters(self._client, self._keys).namespace("default"))

    def expected(self) -> Namespace:
        return Reference(goals=GOALS).count(self.accepted).namespace()

    def ledger(self) -> dict[str, int]:
        fields = self._client.hgetall(ledger_of(self._keys.analytics))
        return {field.decode(): int(value) for field, value in fields.items() if field != b"epoch"}

    def figures(self, what: str, nemesis: Nemesis) -> None:
        """Print them, on a line that shows with `pytest -s`."""
        counted, expected = self.counted(), self.expected()
        wrong = sum(one != other for one, other in zip(counted.counters, expected.counters, strict=True))
        users, sets = expected.users(), sum(len(counter.sets) for counter in expected.counters)
        print(
            f"\n{what}: {dict(sorted(nemesis.done.items()))}; {len(self.accepted)} events accepted, posts refused or "
            f"unanswered {self.refused}, counted {self.ledger()['stored']}; {users} users, {len(expected.counters)} "
            f"counters, {sets} sets before goals; counters that differ from the reference {wrong}"
        )

    def close(self) -> None:
        self._client.close()

    def _load(self) -> None:
        walk = waves(1)
        while not self._enough.is_set():
            batch = list(islice(walk, self._events_per_post))
            while not self._post(msgspec.json.encode(batch)):
                self.refused += 1
                time.sleep(RETRY_S)
            self.accepted += batch
            time.sleep(self._pause_s)

    def _post(self, body: bytes) -> bool:
        url, headers = f"{self._pipeline.url}/v0/analytics", {"Content-Type": "application/json"}
        try:
            return self._pipeline.http.request("POST", url, body=body, headers=headers).status == 204
        except urllib3.exceptions.HTTPError:
            return False

    def _is_counted(self) -> bool:
        try:
            return self.ledger().get("queued_messages") == 0
        except redisclient.Errors:
            return False

    def _supervise(self, until: Callable[[], bool], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not until():
            assert time.monotonic() < deadline, f"still not after {timeout_s:g} s: {until}; {self._pipeline.logs()}"
            self._supervisor.run_once()
            time.sleep(TICK_S)
