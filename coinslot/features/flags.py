"""Flags: whether each feature is on for a user (contract: feature flags)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from coinslot.features.spec import Condition, Spec
from coinslot.match import same

User = Mapping[str, Any]


def flags(specs: Iterable[Spec], user: User, now: datetime, chance: Callable[[], float]) -> dict[str, bool]:
    """By name. chance: gives numbers evenly spread over [0, 1).

    It is asked anew for each flag at each request, so amid a rollout the same user may be told yes, and then no.
    """
    return {spec.name: is_on(spec, user, now, chance) for spec in specs}


def is_on(spec: Spec, user: User, now: datetime, chance: Callable[[], float]) -> bool:
    """Whatever holds first, in this order; chance is asked only amid a rollout."""
    return (
        bool(spec.boolean)
        or any(_holds(condition, user) for condition in spec.user or ())
        or _is_rolled_out(spec, now, chance)
    )


def _holds(condition: Condition, user: User) -> bool:
    if condition.property not in user:
        return False
    values = condition.value if isinstance(condition.value, list) else [condition.value]
    return any(same(user[condition.property], value) for value in values)


def _is_rolled_out(spec: Spec, now: datetime, chance: Callable[[], float]) -> bool:
    """In this order, so at a start that is also the end it is off."""
    start, end = spec.rollout_start, spec.rollout_end
    if end is None or (start is not None and now <= start):
        return False
    if now >= end:
        return True
    return start is not None and chance() < (now - start) / (end - start)
