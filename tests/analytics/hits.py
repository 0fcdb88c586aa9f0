"""A log with as many users of each event, week by week and before the goal, as the web hits of docs/analytics.md have.

Who they are and when they came is made up. The figures are docs/pictures/web_hits.csv.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from typing import Any

from docs.pictures.catalogue import FOLDER
from docs.pictures.reach import GOAL, Figures, read

VISITORS = 1150
WITH_A_PAST = 36  # of those who reached the goal
WEEKS_MS = (1431820800000, 1431907200000)  # Sunday, 17 May 2015, and the day after it

FIGURES = read(FOLDER / "web_hits.csv")


def log() -> Iterator[dict[str, Any]]:
    """In order of arrival."""
    goal = next(each for each in FIGURES if each.event == GOAL)
    visitors = [f"u_{number:04}" for number in range(VISITORS)]
    reaching, others = visitors[: goal.users], cycle(visitors[goal.users :])
    early = cycle(reaching[:WITH_A_PAST])
    for each in FIGURES:
        if each is not goal:
            before = islice(early, each.before_goal)
            yield from _visits(each, [*before, *islice(others, each.users - each.before_goal)])
    yield from _visits(goal, reaching)


def _visits(figures: Figures, users: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The first of them come in the first week, the last in the second, and some in both."""
    firsts, seconds = figures.in_weeks
    for week_ms, came in zip(WEEKS_MS, (users[:firsts], users[len(users) - seconds :]), strict=True):
        for user in came:
            yield {"timestamp": week_ms, "user_id": user, "event_name": figures.event, "status": 200}
