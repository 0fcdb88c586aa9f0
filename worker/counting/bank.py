"""Analytic events as events that are banked as well (BANK_ANALYTICS)."""

from __future__ import annotations

from collections.abc import Callable
from time import time

import msgspec

from coinslot.analytics.event import AnalyticEvent
from coinslot.event_check import EventCheck
from coinslot.events import NUMBERS, BadEvent, decode, split
from worker.counting.piece import Piece

ROOM_BYTES = 64  # for a `timestamp`: so much larger than at the door may an event be


class Banking:
    """Makes the body of a message for the queue of events, and says how many it holds.

    An event is banked as it was sent, `timestamp` (ms since 1970) being when it was accepted where it has none; where
    no store could take it so, no more of it than is counted. check: the door's, with ROOM_BYTES more; gives an `_id`.
    """

    def __init__(self, check: EventCheck, clock: Callable[[], float] = time) -> None:
        self._check = check
        self._clock = clock

    def __call__(self, piece: Piece) -> tuple[bytes, int]:
        """Of a whole message, told by its last piece."""
        at_ms = piece.envelope.received_at_ms or int(self._clock() * 1000)
        raws = [self._admitted(raw, at_ms) for raw in split(bytes(piece.envelope.message.body))]
        return b"[" + b",".join(raws) + b"]", len(raws)

    def _admitted(self, raw: bytes, at_ms: int) -> bytes:
        fields = decode(raw)
        try:
            return self._check(_timed(fields, at_ms))[1]
        except BadEvent:
            counted = {name: value for name, value in fields.items() if name in AnalyticEvent.__struct_fields__}
            return self._check(_timed(counted, at_ms))[1]


def _timed(fields: dict[str, object], at_ms: int) -> bytes:
    has_time = type(fields.get("timestamp")) in NUMBERS
    return msgspec.json.encode(fields if has_time else {**fields, "timestamp": at_ms})
