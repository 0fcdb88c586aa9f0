"""What POSTs were answered, and whether a refusal said rightly when there would be room."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import Counter
from typing import NamedTuple

import urllib3

MIN_RETRY_S, MAX_RETRY_S = 1, 60


class Refusal(NamedTuple):
    retry_after_s: int
    room_after_s: float  # when the next POST was taken

    @property
    def is_honest(self) -> bool:
        """Within a factor of two; less than a second cannot be said."""
        return 0.5 <= self.retry_after_s / min(MAX_RETRY_S, max(MIN_RETRY_S, self.room_after_s)) <= 2


class Answers:
    """Takes answers as they come, from any thread."""

    def __init__(self) -> None:
        self._taken: list[float] = []
        self._refused: list[tuple[float, str]] = []
        self.statuses: Counter[int] = Counter()

    def __call__(self, answer: urllib3.BaseHTTPResponse) -> None:
        now = time.monotonic()
        self.statuses[answer.status] += 1
        if answer.status == 201:
            self._taken.append(now)
        else:
            self._refused.append((now, answer.headers.get("Retry-After", "")))

    def bad_headers(self) -> Counter[str]:
        """Of refusals: what is no Retry-After between 1 and 60 s."""
        headers = Counter(header for _, header in self._refused)
        return Counter(
            {h: n for h, n in headers.items() if not h.isdigit() or not MIN_RETRY_S <= int(h) <= MAX_RETRY_S}
        )

    def refusals(self) -> list[Refusal]:
        """Those after which a POST was taken."""
        taken = sorted(self._taken)
        refused = [(at, int(header), bisect_right(taken, at)) for at, header in self._refused]
        return [Refusal(header, taken[next_at] - at) for at, header, next_at in refused if next_at < len(taken)]

    def honesty(self) -> str:
        refusals = self.refusals()
        said, was = sorted(each.retry_after_s for each in refusals), sorted(each.room_after_s for each in refusals)
        return (
            f"Retry-After {said[0]} to {said[-1]} s, median {said[len(said) // 2]} s; room came after median "
            f"{was[len(was) // 2]:.1f} s, at most {was[-1]:.1f} s; {self.honest_share():.0%} within a factor of 2"
        )

    def honest_share(self) -> float:
        refusals = self.refusals()
        return sum(each.is_honest for each in refusals) / len(refusals)
