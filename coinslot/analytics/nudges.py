"""Nudges: what a user could still do on the way to a goal (contract 2: nudges)."""

from __future__ import annotations

from collections.abc import Collection

from coinslot.analytics.counter import Namespace
from coinslot.analytics.predictions import for_goal


def nudges(namespace: Namespace, goal: str, done: Collection[str]) -> list[tuple[str, float]]:
    """The goal's events that are not `done`, each with its share, highest first, then by name.

    All of them for a user of whom nothing is known; none for a goal that nobody has reached, or that is none.
    """
    left = [(event, share) for event, share in for_goal(namespace.named(), goal).items() if event not in done]
    return sorted(left, key=lambda nudge: (-nudge[1], nudge[0]))
