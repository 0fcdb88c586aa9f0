"""The mint: it makes the `_id`s of events that come without one."""

from __future__ import annotations

import itertools
import os
from time import time


class Mint:
    """24 hexadecimal digits, growing with time, unique among processes and machines; any thread may call it.

    As MongoDB's ObjectIds are, in a third of the time: seconds since 1970, a random number for each mint, a counter.
    """

    def __init__(self) -> None:
        self._random = os.urandom(5).hex()
        self._counter = itertools.count(int.from_bytes(os.urandom(3)))
        self._begins = (0, "")  # in this second

    def __call__(self) -> str:
        now_s = int(time())
        second, beginning = self._begins
        if now_s != second:
            beginning = f"{now_s:08x}{self._random}"
            self._begins = (now_s, beginning)
        return beginning + (next(self._counter) & 0xFFFFFF).to_bytes(3).hex()  # in half the time that a format takes
