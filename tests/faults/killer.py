"""kill -9 of workers that are at work."""

from __future__ import annotations

import redis

from coinslot.keys import GROUP, Keys
from coinslot.stack.process import Process
from tests.pipeline import Pipeline, until

START_TIMEOUT_S = 60.0


class Killer:
    """Kills workers of a pipeline whose queue is on Redis; `hits` are kills of one that held messages.

    counting: messages of analytic events.
    """

    def __init__(self, pipeline: Pipeline, *, counting: bool = False) -> None:
        self.hits = 0
        self._redis = redis.Redis.from_url(pipeline.environment["REDIS_URL"])
        keys = Keys.of(pipeline.environment["KEY_PREFIX"])
        self._queue = keys.analytics if counting else keys.queue

    def __call__(self, worker: Process) -> None:
        """Waits until the worker has read, so that no kill is spent on one that is still starting."""
        until(lambda: worker.is_running() and self.held(worker) is not None, timeout_s=START_TIMEOUT_S)
        worker.kill()
        self.hits += bool(self.held(worker))

    def held(self, worker: Process) -> int | None:
        """How many messages it holds by Redis' books; None if it has never read."""
        consumers = self._redis.xinfo_consumers(self._queue, GROUP)
        held = {int(each["name"].split(b":")[1]): each["pending"] for each in consumers}
        return held.get(worker.pid)

    def close(self) -> None:
        self._redis.close()
