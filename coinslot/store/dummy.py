"""A store without a store: it forgets what it is given and answers made-up sign-ins.

For working on a dashboard or a client where no events are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec

from coinslot.events import Event
from coinslot.match import Match
from coinslot.store.erasing import Found
from coinslot.store.protocol import STORED, Cursor, Number, Outcome

SIGN_INS = 12
FIRST_AT_MS = 1_333_046_104_322
APART_MS = 60_000
LANGUAGES = ("en_US", "de", "fr", "pt_BR")
SYSTEMS = ("TestOS", "OtherOS", "PhoneOS")
STEPS = (  # of a sign-in, each with the milliseconds since its start
    ("picker", 732),
    ("picker::change", 1700),
    ("picker::signin", 2300),
    ("assertion_generation", 2500),
    ("certified", 3300),
    ("assertion_generated", 4500),
    ("complete", 4632),
)


class Nowhere:
    """A place (coinslot/analytics/places/protocol.py) that forgets what it is given."""

    def put(self, name: str, content: bytes) -> None:
        return None

    def get(self, name: str) -> bytes | None:
        return None

    def names(self) -> list[str]:
        return []


class DummyStore:
    """Says that it stored what it is given, and holds the same sign-ins always."""

    def __init__(self) -> None:
        sign_ins = map(_sign_in, range(SIGN_INS))
        self._events = {Cursor(s["timestamp"], s["_id"]): msgspec.json.encode(s) for s in sign_ins}

    def insert(self, events: Sequence[Event]) -> list[Outcome]:
        return [STORED for _ in events]

    def find(
        self,
        start: Number | None = None,
        end: Number | None = None,
        *,
        after: Cursor | None = None,
        limit: int | None = None,
        descending: bool = False,
    ) -> Iterator[bytes]:
        found = self._within(start, end)
        if after is not None:
            found = [at for at in found if (at < after if descending else at > after)]
        return (self._events[at] + b"\n" for at in islice(sorted(found, reverse=descending), limit))

    def get(self, id: str) -> bytes | None:
        return next((event for at, event in self._events.items() if at.id == id), None)

    def count(self, start: Number | None = None, end: Number | None = None) -> int:
        return len(self._within(start, end))

    def matching(self, match: Match, after: str) -> Found:
        return Found([], 0, None)  # it keeps nothing of anybody

    def remove(self, match: Match, hits: Sequence[Any]) -> int:
        return 0

    def expire(self, after_days: int) -> int:
        return 0

    def place(self) -> Nowhere:
        return Nowhere()

    def ping(self) -> None:
        return None

    def close(self) -> None:
        return None

    def _within(self, start: Number | None, end: Number | None) -> list[Cursor]:
        return [
            at
            for at in self._events
            if (start is None or start <= at.timestamp) and (end is None or at.timestamp <= end)
        ]


def _sign_in(number: int) -> dict[str, Any]:
    """One sign-in sequence as the KPIggyBank API documents it; every fourth is given up halfway."""
    steps = STEPS[: len(STEPS) // 2] if number % 4 == 3 else STEPS
    return {
        "_id": f"made-up-{number:02}",
        "timestamp": FIRST_AT_MS + number * APART_MS,
        "event_stream": [[step, after_ms + 10 * number] for step, after_ms in steps],
        "email_type": "primary" if number % 3 == 0 else "secondary",
        "number_emails": 1 + number % 3,
        "new_account": number % 5 == 0,
        "language": LANGUAGES[number % len(LANGUAGES)],
        "number_sites_logged_in": number % 4,
        "screen_size": {"width": 640, "height": 480},
        "sample_rate": 1.0,
        "user_agent": {"os": SYSTEMS[number % len(SYSTEMS)], "browser": "Foo", "version": "42"},
    }
