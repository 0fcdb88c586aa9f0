"""python -m tests.faults.unrepentant_worker: a worker that wakes late and takes nothing back of what it has stored."""

from typing import Any

import worker.create as root
from worker.__main__ import main


def unrepentant(*_: Any) -> Any:
    return lambda taken_over: None


root.Recant = unrepentant  # type: ignore[assignment, misc]
main()
