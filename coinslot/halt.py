"""The halt: too many events died of late, so that workers settle nothing until somebody has looked and resumed.

The limit is lua/settle.lua's; why there is one: docs/decisions/0009-dead-letter-limit.md.
"""

from __future__ import annotations

from typing import Any

import redis

from coinslot import lua
from coinslot.errors import Halted, QueueUnavailable
from coinslot.keys import Keys
from coinslot.redisclient import Errors

WINDOW_EVENTS = 10_000  # as in settle.lua


class Halt:
    """The mark in the ledger, which all workers see. Raises QueueUnavailable; safe to share between threads."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._redis = client
        self._key = keys.ledger
        self._resume = client.register_script(lua.source("resume"))

    def check(self) -> None:
        """Raises Halted, with the figures and without anything that a dead letter says."""
        if why := self._read("halted"):
            raise Halted(f"halted: {why}")

    def resume(self) -> bool:
        """Let workers go on; False if they were not halted.

        The window begins anew, as if it were full of events that did not die: one who resumes has looked, and may mean
        to let the rest of them die.
        """
        try:
            return bool(self._resume(keys=[self._key], args=[WINDOW_EVENTS]))
        except Errors as error:
            raise QueueUnavailable(f"the ledger cannot be written: {error}") from error

    def _read(self, field: str) -> str:
        try:
            value: Any = self._redis.hget(self._key, field)
        except Errors as error:
            raise QueueUnavailable(f"the ledger cannot be read: {error}") from error
        return value.decode(errors="replace") if value else ""


def told(why: bytes | None, reason: bytes | None) -> str:
    """Both fields of the mark as one line; empty if there is none."""
    return f"{why.decode()}; the last one: {(reason or b'').decode(errors='replace')}" if why else ""
