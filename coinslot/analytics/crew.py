"""Does something with each of many things, several at a time: places are far away, and one alone would mostly wait."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")

HANDS = 4  # each may hold a whole counter, packed and not


def each(do: Callable[[T], object], things: Iterable[T]) -> None:
    """Raises the first error, when all that had begun have ended; none begins after it.

    Its threads are daemons, unlike those of concurrent.futures: they keep no process from ending.
    """
    left, errors = deque(things), list[BaseException]()

    def work() -> None:
        while not errors:
            try:
                thing = left.popleft()
            except IndexError:
                return
            try:
                do(thing)
            except BaseException as error:  # noqa: BLE001 (raised below)
                errors.append(error)

    hands = [threading.Thread(target=work, daemon=True) for _ in range(min(HANDS, len(left)))]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    if errors:
        raise errors[0]
