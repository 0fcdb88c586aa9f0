"""The account at the end of a run: what was acknowledged, held against store, feed and ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Account:
    """Numbers of events, save `left`; where nothing went wrong, all are 0 and `what` is empty."""

    lost: int  # acknowledged, and neither stored nor a dead letter
    unexpected: int  # stored or dead, and never sent
    twice: int  # ids stored or dead more than once, or both
    unfed: int  # stored and never told to a follower who resumes
    what: str  # what the ledger says is wrong
    left: int = 0  # messages still queued, or in a worker's hands
    dead: int = 0  # in dead letters

    @property
    def faults(self) -> list[str]:
        """In words, what is wrong beyond what is lost, twice or unfed, which the verdict tells."""
        figures = {
            "stored that were never sent": self.unexpected,
            "messages left in the queue": self.left,
            "in dead letters": self.dead,
        }
        faults = [f"{number:,} {what}" for what, number in figures.items() if number]
        return [*faults, f"the ledger does not balance: {self.what}"] if self.what else faults


CLEAN = Account(lost=0, unexpected=0, twice=0, unfed=0, what="")


def draw_up(
    acknowledged: set[str],
    attempted: set[str],
    stored: Iterable[str],
    fed: set[str],
    what: str,
    left: int = 0,
    dead: Iterable[str] = (),
) -> Account:
    """From ids: of the events that were acknowledged, ever sent, stored (each as often as it is), and told to a
    follower; what the audit says is wrong; how many messages are left, where that can be asked; and of the events in
    dead letters. Draw it up when nothing is queued any more.
    """
    stored, dead = list(stored), list(dead)
    kept, stored_once = Counter(stored + dead), set(stored)
    return Account(
        lost=len(acknowledged - kept.keys()),
        unexpected=len(kept.keys() - attempted),
        twice=kept.total() - len(kept),
        unfed=len(stored_once - fed),
        what=what,
        left=left,
        dead=len(set(dead)),
    )
