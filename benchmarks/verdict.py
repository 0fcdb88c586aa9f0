"""Whether a target was met."""

from __future__ import annotations

from typing import Literal, NamedTuple

from benchmarks.benchmark import Target
from benchmarks.results import Part
from benchmarks.spread import Spread, ratios, spread

Said = Literal["met", "missed", "not measured"]


class Verdict(NamedTuple):
    """`measured` is the ratio if the target has a peer, else the quantity itself."""

    said: Said
    measured: Spread | None


def judge(target: Target, part: Part) -> Verdict:
    """By the median. A target of which half of the rounds or more were invalid is not measured."""
    values = part.values(target.subject, target.quantity)
    if target.peer:
        values = ratios(values, part.values(target.peer, target.quantity))
    measured = spread(values)
    if measured is None or measured.rounds * 2 <= part.rounds:
        return Verdict("not measured", measured)
    better = measured.median >= target.bound if target.quantity.more_is_better else measured.median <= target.bound
    return Verdict("met" if better else "missed", measured)
