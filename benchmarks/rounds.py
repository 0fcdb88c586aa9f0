"""Interleaved rounds: A B C, A B C, ..., so that a machine's moods fall on all subjects alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.benchmark import Benchmark, Invalid, Quantity
from benchmarks.site import Site


class Reading(NamedTuple):
    """What one round of one subject showed."""

    benchmark: str
    subject: str
    round: int
    quantity: Quantity
    value: float


@dataclass(frozen=True)
class Failure:
    """A round of a subject that counts for nothing."""

    benchmark: str
    subject: str
    round: int
    why: str


def run(benchmark: Benchmark, site: Site, rounds: int, tell: Callable[[str, int], None]) -> Iterator[Reading | Failure]:
    """Every round of a benchmark. `tell` is called with the subject and the round before each."""
    with benchmark.open(site) as measures:
        for number in range(1, rounds + 1):
            for subject, measure in measures.items():
                tell(subject, number)
                try:
                    values: Mapping[Quantity, float] = measure()
                except Invalid as failure:
                    site.say(f"{benchmark.name}: round {number} of {subject} is invalid: {failure}")
                    yield Failure(benchmark.name, subject, number, str(failure))
                    continue
                for quantity, value in values.items():
                    yield Reading(benchmark.name, subject, number, quantity, value)
