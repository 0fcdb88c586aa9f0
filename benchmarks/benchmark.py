"""What a benchmark is: who is measured, what is read off, and what is aimed at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from benchmarks.site import Site


@dataclass(frozen=True)
class Quantity:
    """`name` is what a table's head says, `unit` what stands behind a figure."""

    name: str
    unit: str
    more_is_better: bool = False


# One round of one subject. Raises Invalid if its figures are worth nothing.
Measure = Callable[[], Mapping[Quantity, float]]


@dataclass(frozen=True)
class Target:
    """`subject`'s `quantity`, divided by that of `peer` if there is one, is no worse than `bound`."""

    what: str
    subject: str
    quantity: Quantity
    bound: float
    peer: str = ""


@dataclass(frozen=True)
class Benchmark:
    """`open` starts what is measured, gives a Measure for each of the subjects, and ends everything.

    A subject that cannot be measured here is left out, and `Site.skip` told why; if none can, `open` raises Missing.
    The first quantity is the one that the picture shows.
    """

    name: str
    title: str
    subjects: Sequence[str]
    quantities: Sequence[Quantity]
    targets: Sequence[Target]
    open: Callable[[Site], AbstractContextManager[Mapping[str, Measure]]]


class Missing(Exception):
    """What cannot be measured here, for want of a program or package; the message says how to get it."""


class Invalid(Exception):
    """This round went wrong: requests failed, or what was acknowledged is not there."""
