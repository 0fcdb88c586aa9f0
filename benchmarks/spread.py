"""The median of a few figures, with the least and the greatest of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

Values = Sequence[float | None]  # a figure a round; None where the round was invalid


class Spread(NamedTuple):
    median: float
    least: float
    greatest: float
    rounds: int


def spread(values: Iterable[float | None]) -> Spread | None:
    """None if no round was valid."""
    valid = [value for value in values if value is not None]
    return Spread(median(valid), min(valid), max(valid), len(valid)) if valid else None


def ratios(ours: Values, theirs: Values) -> list[float | None]:
    """Round by round: the two of a round ran one after the other, so the machine's mood cancels out."""
    pairs = zip(ours, theirs, strict=True)
    return [a / b if a is not None and b else None for a, b in pairs]
