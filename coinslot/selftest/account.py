"""The account at the end of a run: what was acknowledged, held against store, feed and ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Account:
    """Numbers of events, save `left`; where nothing went wrong, all are 0 and `what` is empty."""

    lost: int  # acknowledged and not stored
    unexpected: int  # stored and never sent
    twice: int  # ids stored more than once
    unfed: int  # stored and never told to a follower who resumes
    what: str  # what the ledger says is wrong
    left: int = 0  # messages still queued, or in a worker's hands


CLEAN = Account(lost=0, unexpected=0, twice=0, unfed=0, what="")


def draw_up(
    acknowledged: set[str], attempted: set[str], stored: Iterable[str], fed: set[str], what: str, left: int = 0
) -> Account:
    """From ids: of the events that were acknowledged, ever sent, stored (each as often as it is), and told to a
    follower; what the audit says is wrong; and how many messages are left, where that can be asked. Draw it up when
    nothing is queued any more.
    """
    counts = Counter(stored)
    return Account(
        lost=len(acknowledged - counts.keys()),
        unexpected=len(counts.keys() - attempted),
        twice=sum(counts.values()) - len(counts),
        unfed=len(counts.keys() - fed),
        what=what,
        left=left,
    )
