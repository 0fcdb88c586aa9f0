"""What a follower was told, held against all that was fed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coinslot.changes import START
from tests.faults.follower import Told


@dataclass
class Report:
    """Numbers of changes, save gaps. Where nothing went wrong, only `repeated`, `gaps` and `skipped` may not be 0."""

    missing: int = 0  # passed over without a word
    repeated: int = 0  # told again, or after one that came later
    unknown: int = 0  # told and never fed
    gaps: int = 0
    skipped: int = 0  # passed over by a gap that was told
    false_gaps: int = 0  # told where nothing was missing, or of another place than where the follower was

    @property
    def is_right(self) -> bool:
        return (self.missing, self.unknown, self.false_gaps) == (0, 0, 0)


def draw_up(told: Sequence[Told], fed: Sequence[str]) -> Report:
    """fed: the ids of all changes there ever were, in order. What came after the last that was told is missing."""
    report, place = Report(), {id: at for at, id in enumerate(fed)}
    next_at, cursor, after_gap = 0, START, False
    for each in told:
        if each.gap_after:
            report.gaps += 1
            report.false_gaps += each.gap_after != cursor
            after_gap = True
        elif each.id not in place:
            report.unknown += 1
        elif (at := place[each.id]) < next_at:
            report.repeated += 1
        else:
            report.skipped += (at - next_at) * after_gap
            report.missing += (at - next_at) * (not after_gap)
            report.false_gaps += after_gap and at == next_at
            next_at, after_gap = at + 1, False
        cursor = each.cursor
    report.missing += len(fed) - next_at
    return report
