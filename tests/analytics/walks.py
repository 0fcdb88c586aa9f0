"""Made-up visitors: each does a few events, some of them again, and some reach a goal. The same each time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

EVENTS = ("visit:blog", "visit:docs", "search", "sign up", "buy")
GOALS = ("sign up", "buy")
PAGES = ("blog", "presentations", "images", "projects", "home", "files", "articles", "robots.txt", "ø%20&=", "misc")
FIRST_MS = 1_431_800_000_000  # a Saturday: a week ends in the midst of the hits
STEP_MS = 60_000


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


def hits(number: int, *, users: int) -> list[dict[str, Any]]:
    """Of a web site, by users who come back less the higher their number is, some minutes out of order."""
    chance = random.Random(number)
    return [
        {
            "timestamp": FIRST_MS + (each + chance.randrange(10)) * STEP_MS,
            "user_id": f"user {int(users * chance.random() ** 2)}",
            "event_name": f"visit:{PAGES[int(len(PAGES) * chance.random() ** 2)]}",
            "bytes": chance.randrange(300_000),
        }
        for each in range(number)
    ]


def waves(seed: int, *, users_at_once: int = 20, events_of_each: int = 10) -> Iterator[dict[str, Any]]:
    """Without end: few users at a time, who soon leave for good. So what leads to a goal lies close to the goal."""
    chance, number = random.Random(seed), users_at_once
    active = list(range(users_at_once))
    left = [events_of_each] * users_at_once
    while True:
        at = chance.randrange(users_at_once)
        yield {"event_name": chance.choice(EVENTS), "user_id": f"user {active[at]}", "value": chance.randrange(9)}
        left[at] -= 1
        if left[at] == 0:
            active[at], left[at] = number, events_of_each
            number += 1
