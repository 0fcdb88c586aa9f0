"""The account at the end of a run: what was acknowledged, held against store, feed and ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Account:
    """All are numbers of events; where nothing went wrong, all four are 0 and `what` is empty."""

    lost: int  # acknowledged and not stored
    unexpected: int  # stored and never sent
    twice: int  # ids stored more than once
    unfed: int  # stored and never told to a follower who resumes
    what: str  # what the ledger says is wrong


CLEAN = Account(lost=0, unexpected=0, twice=0, unfed=0, what="")


def draw_up(acknowledged: set[str], attempted: set[str], stored: Iterable[str], fed: set[str], what: str) -> Account:
    """From ids: of the events that were acknowledged, ever sent, stored (each as often as it is), and told to a
    follower; and what the audit says is wrong. Draw it up when nothing is queued any more.
    """
    counts = Counter(stored)
    return Account(
        lost=len(acknowledged - counts.keys()),
        unexpected=len(counts.keys() - attempted),
        twice=sum(counts.values()) - len(counts),
        unfed=len(counts.keys() - fed),
        what=what,
    )
