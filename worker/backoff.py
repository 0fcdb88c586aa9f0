"""The backoff: how a loop waits trouble out, the same trouble longer each time."""

from __future__ import annotations

import logging
from collections.abc import Callable

from coinslot.errors import CoinslotError, QueueUnavailable

FIRST_S, LAST_S = 0.1, 2.0  # with what a try may take, well below the 10 s to be at work again


class Backoff:
    """Of one loop. pause: waits so many seconds, or until stopping; reconnect: drops the connections to the queue."""

    def __init__(self, pause: Callable[[float], object], reconnect: Callable[[], None], log: logging.Logger) -> None:
        self._pause = pause
        self._reconnect = reconnect
        self._log = log
        self._wait_s = FIRST_S

    def wait_out(self, error: CoinslotError) -> None:
        self._log.warning("%s; trying again in %.1f s", error, self._wait_s)
        if isinstance(error, QueueUnavailable):
            self._reconnect()  # where one connection went silent the others did, and each would cost a timeout
        self._pause(self._wait_s)
        self._wait_s = min(self._wait_s * 2, LAST_S)

    def over(self) -> None:
        """The trouble is: the next one is waited out as if it were the first."""
        self._wait_s = FIRST_S
