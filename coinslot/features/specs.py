"""Where api keeps the specs: one string in Redis.

PREFIX:features   {"featureSpecs": [...]} (coinslot/features/spec.py); absent: there are none
"""

from __future__ import annotations

from typing import Any

import redis

from coinslot.errors import BadFeatures, QueueUnavailable
from coinslot.features.spec import NONE, FeatureSpecs, parse
from coinslot.redisclient import Errors


class RedisSpecs:
    """Reads and writes them; safe to share between threads. Raises QueueUnavailable if Redis does not answer."""

    def __init__(self, client: redis.Redis, key: str) -> None:
        self._redis = client
        self._key = key
        self._last = NONE  # what was read last: the same bytes need not be parsed again

    def read(self) -> FeatureSpecs:
        """All of them, as they were written last, by whichever process."""
        try:
            document: Any = self._redis.get(self._key)
        except Errors as error:
            raise QueueUnavailable(f"the feature specs cannot be read: {error}") from error
        last = self._last
        if document != last.document:
            last = self._last = _parsed(document)
        return last

    def write(self, specs: FeatureSpecs) -> None:
        """The list is the whole truth: a spec that is not in it is gone."""
        try:
            self._redis.set(self._key, specs.document)
        except Errors as error:
            raise QueueUnavailable(f"the feature specs cannot be written: {error}") from error


def _parsed(document: bytes | None) -> FeatureSpecs:
    try:
        return parse(document) if document else NONE
    except BadFeatures as error:  # no fault of whoever asks: others wrote it
        raise QueueUnavailable(f"the feature specs in Redis cannot be used: {error}") from None
