"""Which counters an event name has, and how they are kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

from coinslot.analytics.counter import GLOBAL
from coinslot.analytics.settings import CounterRule

REMEMBERED_NAMES = 16_384
INTERNAL_FIELD = f"i:{GLOBAL}"


class Rules:
    """The configured rules: for a name holds the first whose pattern is found in it, or else the default."""

    def __init__(self, rules: Sequence[CounterRule]) -> None:
        self._rules = [(re.compile(rule.pattern), rule) for rule in rules]
        self.of = lru_cache(REMEMBERED_NAMES)(self._first)

    def _first(self, name: str) -> CounterRule:
        return next((rule for pattern, rule in self._rules if pattern.search(name)), CounterRule())


def named_field(name: str) -> str:
    """Fields are drawn in lua/count.lua."""
    return f"n:{name}"


def weekly_field(name: str, at: datetime) -> str:
    """Of the ISO week in which `at` is, in UTC."""
    year, week, _ = at.astimezone(UTC).isocalendar()
    return f"w:{year:04}{week:02}:{name}"
