"""What analytic events come to, in one pass, by exact sets of users: contract 2's rules, written a second time.

Nothing here is the product's but the shapes that a result is given in, so that the two can be compared.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

from coinslot.analytics.counter import Counter, Namespace

Event = Mapping[str, Any]


class Reference:
    """Counts the events of one namespace. `weekly`: the names that have weekly counters."""

    def __init__(self, namespace: str = "default", weekly: Iterable[str] = (), goals: Iterable[str] = ()) -> None:
        self._namespace = namespace
        self._weekly = set(weekly)
        self.goals = set(goals)
        self.everybody: set[str] = set()
        self.users: dict[str, set[str]] = defaultdict(set)
        self.users_of_week: dict[tuple[str, int, int], set[str]] = defaultdict(set)
        self._sums: dict[str, float] = {}
        self._sum: float | None = None
        self._sums_of_week: dict[tuple[str, int, int], float] = {}
        self._singles: dict[str, Tally[str]] = defaultdict(Tally)
        self._sets: dict[str, Tally[tuple[str, ...]]] = defaultdict(Tally)

    def count(self, events: Iterable[Event], today: date = date(2026, 1, 1)) -> Reference:
        """In order of arrival; `today` is the day of those without `datetime`."""
        for event in events:
            if event.get("namespace", "default") == self._namespace:
                self._count(event, today)
        return self

    def _count(self, event: Event, today: date) -> None:
        name, user, value = event["event_name"], event["user_id"], event.get("value")
        if event.get("ensure_goal"):
            self.goals.add(name)
        if user not in self.everybody and value is not None:
            self._sum = (self._sum or 0) + value
        self.everybody.add(user)
        if name in self._weekly:
            week = (name, *_day(event, today).isocalendar()[:2])
            if user not in self.users_of_week[week] and value is not None:
                self._sums_of_week[week] = self._sums_of_week.get(week, 0) + value
            self.users_of_week[week].add(user)
        if user in self.users[name]:
            return
        if value is not None:
            self._sums[name] = self._sums.get(name, 0) + value
        if name in self.goals:
            before = self.events_of(user)
            self._singles[name].update(before)
            self._sets[name][tuple(before)] += 1
        self.users[name].add(user)

    def events_of(self, user: str) -> list[str]:
        """Sorted."""
        return sorted(name for name, users in self.users.items() if user in users)

    # As the product gives it

    def namespace(self) -> Namespace:
        """With counters sorted by kind, name and week, and nothing said of filters."""
        named = [
            Counter(name, "named", len(users), self._sums.get(name), dict(self._singles[name]), dict(self._sets[name]))
            for name, users in sorted(self.users.items())
        ]
        weekly = [
            Counter(name, "weekly", len(users), self._sums_of_week.get((name, year, week)), year=year, week=week)
            for (name, year, week), users in sorted(self.users_of_week.items())
        ]
        internal = [Counter("global_counter", "internal", len(self.everybody), self._sum)] if self.everybody else []
        return Namespace(self._namespace, (*internal, *named, *weekly), tuple(sorted(self.goals)))

    # Predictions, by fractions and the formulas as the contract has them

    def bayes(self) -> dict[str, dict[str, float]]:
        """By goal and event."""
        everybody = len(self.everybody)
        found = {
            goal: {
                event: float(
                    (Fraction(before, len(self.users[goal])) * Fraction(len(self.users[goal]), everybody))
                    / Fraction(len(self.users[event]), everybody)
                )
                for event, before in singles.items()
            }
            for goal, singles in self._singles.items()
        }
        return {goal: by_event for goal, by_event in found.items() if by_event}

    def likelihoods(self, events: Sequence[str]) -> dict[str, tuple[float, float, float] | None]:
        """By goal that somebody has reached: yes, no and likelihood; None for one that is among the events."""
        return {
            goal: None if goal in events else self._likelihood(goal, events)
            for goal in self.goals
            if self.users.get(goal)
        }

    def _likelihood(self, goal: str, events: Sequence[str]) -> tuple[float, float, float]:
        yes, no, reached = Fraction(1), Fraction(1), len(self.users[goal])
        for event in events:
            before = self._singles[goal][event]
            yes *= Fraction(before, reached)
            no *= Fraction(len(self.users[event]) - before, reached)
        return float(yes), float(no), float(yes) / max(float(no), 0.1)

    def nudges(self, goal: str, user: str) -> list[tuple[str, float]]:
        done = self.events_of(user)
        left = [(event, share) for event, share in self.bayes().get(goal, {}).items() if event not in done]
        return sorted(sorted(left), key=lambda nudge: nudge[1], reverse=True)


def _day(event: Event, today: date) -> date:
    """In UTC."""
    return datetime.fromisoformat(event["datetime"]).astimezone(UTC).date() if "datetime" in event else today
