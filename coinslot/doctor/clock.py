"""Clocks: how far another machine's is from this one's.

/ready takes the age of the oldest queued event from api's clock and the id that Redis' clock gave it. At a skew of
READY_MAX_AGE_S it fails while all is well, or never fails; from a tenth of that on, ages are too wrong to go by. Where
requests are counted (RATE_LIMIT), the windows of web processes drift apart by the skew between them. Nothing else
compares clocks: ids and cursors are in Redis' order, and no event's `timestamp` is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from coinslot.doctor.finding import Finding, ok, warning, wrong

Clock = Callable[[], float]

WARN_SHARE = 0.1  # of READY_MAX_AGE_S
REMEDY = "set both clocks by NTP: timedatectl set-ntp true"


class Reading(NamedTuple):
    """Another's clock, in s since 1970, read between two looks at ours. It may tell no more than each `tick_s`."""

    there_s: float
    before_s: float
    after_s: float
    tick_s: float = 0.0

    @property
    def skew_s(self) -> float:
        """Positive if theirs is ahead. What the way there and the ticks may account for is left out."""
        ahead_s = self.there_s + self.tick_s / 2 - (self.before_s + self.after_s) / 2
        in_doubt_s = (self.after_s - self.before_s + self.tick_s) / 2
        return max(0.0, ahead_s - in_doubt_s) + min(0.0, ahead_s + in_doubt_s)


def compare(name: str, whose: str, reading: Reading, max_age_s: float, *, is_compared: bool = True) -> Finding:
    """max_age_s: READY_MAX_AGE_S; is_compared: whether /ready goes by this clock."""
    skew_s = reading.skew_s
    far, direction = abs(skew_s), "ahead of" if skew_s > 0 else "behind"
    if far < max_age_s * WARN_SHARE:
        return ok(name, f"as this machine's, within {max(0.1, far):.1f} s")
    seen = f"{whose} clock is {far:.1f} s {direction} this machine's"
    if is_compared and far >= max_age_s:
        return wrong(name, f"{seen}; /ready goes by both and is no guide at READY_MAX_AGE_S={max_age_s:g}", REMEDY)
    return warning(name, f"{seen}; ages in /ready and in dead letters, and rate windows, are off by so much", REMEDY)
