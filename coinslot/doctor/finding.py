"""A finding: one thing that was looked at, what was seen, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`wrong`: a promise of the README does not hold, or nothing can be served; `warning`: it hangs by a thread.

    `name` is one for programs, such as redis.appendfsync. `remedy` is something one can do; empty where all is well.
    """

    name: str
    state: State
    seen: str
    remedy: str = ""


Probe = Callable[[], Iterable[Finding]]


def ok(name: str, seen: str) -> Finding:
    return Finding(name, "ok", seen)


def warning(name: str, seen: str, remedy: str) -> Finding:
    return Finding(name, "warning", seen, remedy)


def wrong(name: str, seen: str, remedy: str) -> Finding:
    return Finding(name, "wrong", seen, remedy)


def untold(name: str, why: object, remedy: str) -> Finding:
    """Nobody would say: neither well nor wrong."""
    return warning(name, f"cannot be told: {why}", remedy)
