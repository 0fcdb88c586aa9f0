"""All that is fed, in order, by the channel for plain subscribers: a small feed lets go of it before it is read."""

from __future__ import annotations

import threading
from typing import Any, Self

import msgspec
import redis

from coinslot.keys import Keys
from tests.pipeline import Pipeline

WAIT_S = 0.2
JOIN_TIMEOUT_S = 10.0


class FeedLog:
    """`fed`: the ids of all changes from when it is entered, with `with`."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.fed: list[str] = []
        self._client = redis.Redis.from_url(pipeline.environment["REDIS_URL"])
        self._channel = Keys.of(pipeline.environment["KEY_PREFIX"]).channel
        self._stopping = threading.Event()
        self._subscribed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed-log", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._subscribed.wait(JOIN_TIMEOUT_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(JOIN_TIMEOUT_S)
        self._client.close()

    def _run(self) -> None:
        with self._client.pubsub() as subscription:
            subscription.subscribe(self._channel)
            while not self._stopping.is_set():
                message: Any = subscription.get_message(timeout=WAIT_S)
                if message and message["type"] == "subscribe":
                    self._subscribed.set()
                elif message:
                    self.fed += [msgspec.json.decode(line)["_id"] for line in message["data"].split(b"\n")]
