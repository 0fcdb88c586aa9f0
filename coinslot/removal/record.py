"""What was erased of late, kept for workers that wake up late (worker/recant.py).

A worker that was frozen with a message in its hands, and has not heard that another has settled it, stores its events
when it wakes. If they were erased in between they would be back. So for a day it is kept which events those were.
"""

from __future__ import annotations

from time import time
from typing import Any, NamedTuple

import msgspec
import redis

from coinslot.changes import order
from coinslot.errors import QueueUnavailable
from coinslot.keys import Keys
from coinslot.match import Match, Scalar
from coinslot.redisclient import Errors

KEPT_S = 24 * 60 * 60
KEPT_ERASURES = 1000

_decode = msgspec.json.Decoder(Scalar).decode


class Erased(NamedTuple):
    """An erasure, and the last message that was in the queue when it began."""

    match: Match
    last_message: str

    def covers(self, message: str) -> bool:
        return order(message) <= order(self.last_message)


class Record:
    """Erasures in Redis: a stream; fields field, value (in JSON), last_message. Raises QueueUnavailable."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._redis = client
        self._key = keys.erasures

    def add(self, match: Match, last_message: str) -> None:
        entry: Any = {"field": match.field, "value": msgspec.json.encode(match.value), "last_message": last_message}
        try:
            with self._redis.pipeline() as pipeline:
                pipeline.xadd(self._key, entry, maxlen=KEPT_ERASURES)
                pipeline.xtrim(self._key, minid=int((time() - KEPT_S) * 1000), approximate=False)
                pipeline.expire(self._key, KEPT_S)
                pipeline.execute()
        except Errors as error:
            raise QueueUnavailable(f"the erasure cannot be noted: {error}") from error

    def all(self) -> list[Erased]:
        try:
            entries: Any = self._redis.xrange(self._key)
        except Errors as error:
            raise QueueUnavailable(f"erasures cannot be read: {error}") from error
        return [
            Erased(Match(fields[b"field"].decode(), _decode(fields[b"value"])), fields[b"last_message"].decode())
            for _, fields in entries
        ]
