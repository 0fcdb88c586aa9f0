"""Workers that freeze themselves in the middle of a batch (worker/failpoint.py), and what the books say meanwhile."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from coinslot.stack.process import Process
from tests.faults.account import fed_ids
from tests.pipeline import Pipeline


def freezing_worker(pipeline: Pipeline, gap: str, nth: int = 1, module: str = "worker") -> Process:
    return pipeline.process(module, name=f"freezing-{gap}", FAILPOINT=f"{gap}:{nth}:stop")


def is_frozen(process: Process) -> bool:
    """From proc(5): the state follows the name, which stands in brackets."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def freeze(process: Process) -> None:
    assert process.pid
    os.kill(process.pid, signal.SIGSTOP)


def wake(process: Process) -> None:
    assert process.pid
    os.kill(process.pid, signal.SIGCONT)


def found_out(process: Process) -> bool:
    """Whether it has noticed that its messages were taken over."""
    assert process.log
    return "taken over by another worker" in process.log.read_text()


def books(pipeline: Pipeline) -> tuple[dict[str, Any], list[str], int]:
    """The ledger, the feed and the store's count: all that a stale worker must not change."""
    return pipeline.audit(), fed_ids(pipeline), pipeline.count()
