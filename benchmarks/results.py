"""results.json: all that was measured, a part for each benchmark, so that a run of one leaves the others alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from benchmarks.benchmark import Quantity
from benchmarks.rounds import Failure, Reading
from benchmarks.spread import Values

DIGITS = 5  # significant ones; the rest is noise


class Series(msgspec.Struct):
    """One quantity of one subject, a value a round; null where the round was invalid."""

    subject: str
    quantity: str
    unit: str
    values: list[float | None]


class Part(msgspec.Struct):
    """One benchmark, with lines for people in `invalid` and `skipped`; `machine` is drawn in machine.py."""

    date: str
    command: str
    version: str
    rounds: int
    seconds: float
    machine: dict[str, str]
    series: list[Series]
    invalid: list[str] = []
    skipped: dict[str, str] = {}

    def values(self, subject: str, quantity: Quantity) -> Values:
        """Nothing but invalid rounds if it was not measured."""
        for each in self.series:
            if (each.subject, each.quantity) == (subject, quantity.name):
                return each.values
        return [None] * self.rounds


Results = dict[str, Part]


def gather(outcomes: Iterable[Reading | Failure], rounds: int) -> tuple[list[Series], list[str]]:
    """The series of one benchmark, and a line for each invalid round."""
    series: dict[tuple[str, str], Series] = {}
    invalid = []
    for each in outcomes:
        if isinstance(each, Failure):
            invalid.append(f"{each.subject}, round {each.round}: {each.why}")
            continue
        key = each.subject, each.quantity.name
        if key not in series:
            series[key] = Series(*key, each.quantity.unit, [None] * rounds)
        series[key].values[each.round - 1] = float(f"{each.value:.{DIGITS}g}")
    return list(series.values()), invalid


def load(path: Path) -> Results:
    """Empty if nothing has been measured yet."""
    return msgspec.json.decode(path.read_bytes(), type=Results) if path.exists() else {}


def save(path: Path, results: Results) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(dict(sorted(results.items()))), indent=1) + b"\n")
