"""Predictions: how probable a goal is, by naive Bayes over what is counted (contract 2: predictions).

T: users of an event; G: users of a goal; GT: those of the goal who had the event before it; N: users of the namespace.
Filters err, so GT may exceed T by a little, and what follows from it leaves its range: it is told as it comes out.

A goal that nobody has reached, G = 0, is left out everywhere: nothing can be said of it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from coinslot.analytics.counter import MAX_NAME_CHARACTERS, Counter, Namespace
from coinslot.errors import UnknownEvent

LEAST_NO = 0.1  # by which `yes` is divided


class Prediction(NamedTuple):
    """Whether users of some events reach a goal. `yes` and `no` are products of shares, and need not sum to one."""

    yes: float
    no: float
    likelihood: float


def for_all(namespace: Namespace) -> dict[str, dict[str, float]]:
    """By goal and event, the share of the event's users that reaches the goal. Goals without any are left out."""
    named = namespace.named()
    found = {goal: for_goal(named, goal) for goal in namespace.goals}
    return {goal: by_event for goal, by_event in found.items() if by_event}


def for_goal(named: Mapping[str, Counter], goal: str) -> dict[str, float]:
    """The same of one goal, sorted by event; empty if nobody had anything before it, or there is no such goal."""
    singles = named[goal].singles if goal in named else {}
    # The contract's (GT/G · G/N) / (T/N), in which G and N cancel out.
    return {
        event: before / named[event].count
        for event, before in sorted(singles.items())
        if event in named and named[event].count
    }


def for_events(namespace: Namespace, events: Iterable[str]) -> dict[str, Prediction | None]:
    """By goal, whether users of these events reach it; None for one that is itself among them.

    An event that comes twice counts once. Raises UnknownEvent for one that is not counted in the namespace.
    """
    named, events = namespace.named(), dict.fromkeys(events)
    for event in events:
        if event not in named:
            cut = slice(MAX_NAME_CHARACTERS)  # nothing longer has a name
            raise UnknownEvent(f"{event[cut]!r} is no event of the namespace {namespace.name[cut]!r}")
    reached = {goal: named[goal] for goal in namespace.goals if goal in named and named[goal].count}
    counts = {event: named[event].count for event in events}
    return {name: None if name in events else _predict(goal, counts) for name, goal in reached.items()}


def _predict(goal: Counter, counts: Mapping[str, int]) -> Prediction:
    """counts: T by event."""
    before = {event: goal.singles.get(event, 0) for event in counts}
    whole = goal.count ** len(counts)  # divided once, by whole numbers: nothing is rounded on the way
    yes = _share(math.prod(before.values()), whole)
    no = _share(math.prod(counts[event] - before[event] for event in counts), whole)
    return Prediction(yes, no, yes / max(no, LEAST_NO))


def _share(part: int, whole: int) -> float:
    try:
        return part / whole
    except OverflowError:  # of many events before a rare goal; JSON has no infinity
        return sys.float_info.max if part > 0 else -sys.float_info.max
