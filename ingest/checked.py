"""The events of a POST, told apart by their check."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from coinslot.events import BadEvent, EventTooLarge
from ingest.answer import Refused, Rejected

Passed = TypeVar("Passed")  # what the check makes of an event


def check_all(events: Iterable[bytes], check: Callable[[bytes], Passed]) -> tuple[list[Passed], Refused | None]:
    """Those that passed, and the refusal of all for the sake of those that did not. check: raises BadEvent."""
    # Neither events in decoded form are kept nor exceptions, whose tracebacks hold such: both are many times as large.
    passed: list[Passed] = []
    rejected: list[Rejected] = []
    status = 400
    for index, sent in enumerate(events):
        try:
            passed.append(check(sent))
        except BadEvent as error:
            rejected.append({"index": index, "reason": str(error)})
            status = 413 if isinstance(error, EventTooLarge) else status
    return passed, _refusal(status, rejected) if rejected else None


def _refusal(status: int, rejected: list[Rejected]) -> Refused:
    plural = "event was" if len(rejected) == 1 else "events were"
    return Refused(status, f"{len(rejected)} {plural} refused, nothing accepted", rejected)
