"""Made-up visitors: each does a few events, some of them again, and some reach a goal. The same for the same seed."""

from __future__ import annotations

import random
from typing import Any

EVENTS = ("visit:blog", "visit:docs", "search", "sign up", "buy")
GOALS = ("sign up", "buy")
FIRST = 1_431_857_103  # a Sunday, seconds since 1970


def walk(seed: int, *, events: int, users: int) -> list[dict[str, Any]]:
    """So many events in order of arrival, the first of the rare ones late; a fifth of them with a value."""
    chance = random.Random(seed)
    weights = (8, 5, 3, 2, 1)
    made = []
    for _ in range(events):
        event: dict[str, Any] = {
            "event_name": chance.choices(EVENTS, weights)[0],
            "user_id": f"user {chance.randrange(users)}",
        }
        if chance.random() < 0.2:
            event["value"] = chance.randrange(-50, 200) / 4  # sums of these are exact in any order
        made.append(event)
    return made
