"""Who runs on which processor: what is measured has one core for itself, all that serves it has the others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

Cpus = frozenset[int]
TOPOLOGY = Path("/sys/devices/system/cpu")


class Cores(NamedTuple):
    """`subject`: one processor, for what is measured. `load`: for clients, Redis and MongoDB.

    `both` is for what is measured as a whole: two processors, however many there are, so that its figures can be
    compared between machines.
    """

    subject: Cpus
    load: Cpus
    both: Cpus


def divide(usable: Cpus, siblings: Cpus = frozenset()) -> Cores:
    """The last processor is the subject's. `siblings` share its core, and stay idle where there are others.

    With one processor, all share it.
    """
    last = max(usable)
    subject = frozenset({last})
    load = (usable - subject - siblings) or (usable - subject) or subject
    return Cores(subject, load, subject | {min(load)})


def find() -> Cores:
    """The division of the processors that this process may use."""
    usable = frozenset(os.sched_getaffinity(0))
    return divide(usable, _siblings_of(max(usable)))


def _siblings_of(cpu: int) -> Cpus:
    try:
        told = (TOPOLOGY / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text()
    except OSError:  # some virtual machines do not tell
        return frozenset()
    ends = [part.partition("-") for part in told.strip().split(",")]
    found = [range(int(first), int(last or first) + 1) for first, _, last in ends]
    return frozenset(number for numbers in found for number in numbers) - {cpu}


@contextmanager
def placed_on(cpus: Cpus) -> Iterator[None]:
    """What this thread starts in the body runs on these processors, and so do its children."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
