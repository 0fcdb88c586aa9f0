"""The forwarder: POSTs of analytic events, passed on to the host that counts them.

A body goes as it came, and what the host says comes back. A POST whose answer was lost is sent again, which changes no
count: a user counts once.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from typing import NamedTuple

from urllib3 import Timeout

from coinslot.client.answers import Unavailable
from coinslot.client.connection import TRY_AGAIN, Connection, Response, retry_after_s

ANALYTICS = "/v0/analytics"
FIRST_PAUSE_S = 0.1

log = logging.getLogger("sidecar")


class Post(NamedTuple):
    """A POST as it came: what stands behind `?`, the body, and those of its headers that are passed on."""

    query: str
    body: bytes
    headers: Mapping[str, str]


class Forwarder:
    """Sends POSTs to the host; safe to share between threads.

    budget_s: the longest that a POST takes, tries and pauses together. clock: seconds. pause: waits so many.
    """

    def __init__(
        self, host: Connection, budget_s: float, clock: Callable[[], float], pause: Callable[[float], object]
    ) -> None:
        self._host = host
        self._budget_s = budget_s
        self._clock = clock
        self._pause = pause
        self._is_away = False

    def __call__(self, post: Post) -> Response:
        """What the host answers, tried again after 429, 502, 503 and 504 as long as there is time.

        Raises Unavailable if it does not answer in time.
        """
        deadline = self._clock() + self._budget_s
        pause_s = FIRST_PAUSE_S
        while True:
            answer = self._try(post, deadline - self._clock())
            if answer and answer.status not in TRY_AGAIN:
                return answer
            told_s = retry_after_s(answer) if answer else None
            pause_s = max(pause_s, told_s or 0) * random.uniform(1.0, 1.25)
            if self._clock() + pause_s >= deadline:
                break
            self._pause(pause_s)
            pause_s *= 2
        if answer:
            return answer
        raise Unavailable(f"the analytics host did not answer within {self._budget_s:g} s")

    def _try(self, post: Post, left_s: float) -> Response | None:
        """None where nothing is answered. Half of the time that is left, for there may be a better host behind it."""
        try:
            timeout = Timeout(total=left_s / 2)
            path = f"{ANALYTICS}?{post.query}" if post.query else ANALYTICS
            answer = self._host.exchange("POST", path, {}, body=post.body, headers=post.headers, timeout=timeout)
        except Unavailable as error:
            self._see(is_away=True, why=str(error))
            return None
        self._see(is_away=False)
        return answer

    def _see(self, *, is_away: bool, why: str = "") -> None:
        """Once, until it is back: whoever posts must not fill the log."""
        if is_away and not self._is_away:
            log.warning("%s", why)
        self._is_away = is_away
