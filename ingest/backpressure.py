"""Backpressure: refuse at the door what the queue has no room for, and say when to come back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import ceil

from coinslot.ledger import Reading
from ingest.answer import Busy

RATE_WINDOW_S = 5.0
MIN_RETRY_S, MAX_RETRY_S = 1, 60
RESUME_SHARE = 0.9  # of a limit: refusing ends where there is room for more than the next POST


class Limit:
    """Reached at `max_value`, and left again only at RESUME_SHARE of it: between the two, nothing changes."""

    def __init__(self, max_value: float) -> None:
        self.max_value = max_value
        self.is_reached = False
        self._value = 0.0

    def see(self, value: float) -> None:
        self._value = value
        self.is_reached = value > self._room_at if self.is_reached else value >= self.max_value

    @property
    def excess_share(self) -> float:
        """The part of what is there that has to go before there is room; 0 if there is."""
        return 1 - self._room_at / self._value if self.is_reached else 0.0

    @property
    def _room_at(self) -> float:
        return self.max_value * RESUME_SHARE


class Backpressure:
    """What was last seen of the queue, and whether POSTs are let in; a watch keeps it up to date.

    Refuses while too many messages wait, while Redis is nearly full, and while the queue cannot be seen at all: a
    POST would wait for it in vain, and hold a thread meanwhile.
    """

    def __init__(self, clock: Callable[[], float], max_messages: int, max_memory_share: float) -> None:
        self._clock = clock
        self._messages = Limit(max_messages)
        self._memory = Limit(max_memory_share)
        self._backlog = 0
        self._settled: deque[tuple[float, int]] = deque()  # when, and how many messages had been settled by then
        self._blind = ""
        self._asked = False  # since the last look
        self._idle = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing waited at the last look, and nobody has asked since the look before that."""
        return self._idle and not self._asked

    def see(self, reading: Reading) -> None:
        now = self._clock()
        self._blind = ""
        self._backlog = reading.messages
        self._idle, self._asked = not (reading.messages or self._asked), False
        self._messages.see(reading.messages)
        self._memory.see(reading.memory_share)
        self._settled.append((now, reading.settled_messages))
        while now - self._settled[0][0] > RATE_WINDOW_S:
            self._settled.popleft()

    def lose_sight(self, reason: str) -> None:
        self._blind = reason
        self._idle = False

    def admit(self) -> None:
        """Return if there is room; raises Busy."""
        self._asked = True
        if self._blind:
            raise Busy(self._blind, self.retry_after_s())
        if self._messages.is_reached:
            raise Busy(f"the backlog has reached {self._messages.max_value:g} messages", self.retry_after_s())
        if self._memory.is_reached:
            raise Busy(f"Redis has filled {self._memory.max_value:.0%} of its memory", self.retry_after_s())

    def retry_after_s(self) -> int:
        """When there will be room: backlog to be drained ÷ drain rate, between 1 and 60 s.

        1 s where that tells nothing: the queue is out of sight, or was too slow to take a commit.
        """
        # As if memory were filled by what waits alone: then it is as much too full as there are too many messages.
        excess_messages = self._backlog * max(self._messages.excess_share, self._memory.excess_share)
        if not excess_messages:
            return MIN_RETRY_S
        return min(MAX_RETRY_S, max(MIN_RETRY_S, ceil(excess_messages / max(self._drain_rate(), 1e-9))))

    def _drain_rate(self) -> float:
        """Messages settled a second, of late."""
        if not self._settled:
            return 0.0
        (since, before), (now, after) = self._settled[0], self._settled[-1]
        return max(0, after - before) / (now - since) if now > since else 0.0
