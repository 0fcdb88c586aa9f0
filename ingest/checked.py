"""The events of a POST, told apart by their check."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from coinslot.events import BadEvent, EventTooLarge
from ingest.answer import Refused, Rejected

Passed = TypeVar("Passed")  # what the check makes of an event


def check_all(events: Iterable[bytes], check: Callable[[bytes], Passed]) -> tuple[list[Passed], list[Rejected], int]:
    """Those that passed, those that did not, and the status of a refusal for their sake. check: raises BadEvent."""
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
    return passed, rejected, status


def refusal(rejected: list[Rejected], status: int) -> Refused:
    """Of all. To be raised where it is made: kept in a variable, all that its traceback holds would wait for the GC."""
    plural = "event was" if len(rejected) == 1 else "events were"
    return Refused(status, f"{len(rejected)} {plural} refused, nothing accepted", rejected)
