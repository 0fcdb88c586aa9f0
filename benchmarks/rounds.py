"""Interleaved rounds: A B C, A B C, ..., so that a machine's moods fall on all subjects alike."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks import usage
from benchmarks.benchmark import Benchmark, Invalid, Measure, Quantity
from benchmarks.site import Site

# Read off with every benchmark: what processes that are not ours took meanwhile. A quiet machine shows 2% or so.
OTHERS = Quantity("others' CPU", "% of a processor")


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
                    values = _watched(measure)
                except Invalid as failure:
                    site.say(f"{benchmark.name}: round {number} of {subject} is invalid: {failure}")
                    yield Failure(benchmark.name, subject, number, str(failure))
                    continue
                for quantity, value in values.items():
                    yield Reading(benchmark.name, subject, number, quantity, value)


def _watched(measure: Measure) -> dict[Quantity, float]:
    began, ours, all_of_it = time.monotonic(), usage.cpu_us(os.getpid()), usage.machine_cpu_us()
    values = measure()
    others_us = usage.machine_cpu_us() - all_of_it - (usage.cpu_us(os.getpid()) - ours)
    return {**values, OTHERS: max(0.0, others_us / (time.monotonic() - began) / 1e4)}
