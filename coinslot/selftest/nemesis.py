"""Trouble at random: one action after another, in an order that a seed tells."""

from __future__ import annotations

import math
import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Self

JOIN_TIMEOUT_S = 120.0  # an action may be long: a server is frozen for some seconds, then woken


class Nemesis:
    """Runs one of `actions` every `pause_s` seconds (least, most), in a thread of its own, `times` or until stopped.

    An action leaves behind it what it found, or what others bring back. What one raises ends the nemesis, and `stop`
    raises it.
    """

    def __init__(
        self,
        actions: Mapping[str, Callable[[], None]],
        pause_s: tuple[float, float],
        seed: int,
        times: float = math.inf,
    ) -> None:
        self.done: Counter[str] = Counter()
        self.error: Exception | None = None
        self._actions = actions
        self._pause_s = pause_s
        self._random = random.Random(seed)
        self._times = times
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nemesis", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Begin nothing more; the action under way goes on."""
        self._stopping.set()

    def has_ended(self) -> bool:
        return not self._thread.is_alive()

    def stop(self) -> None:
        """Returns when the action under way has ended; raises what one has raised."""
        self.end()
        self._thread.join(JOIN_TIMEOUT_S)
        if self.error is not None:
            raise self.error

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def run_once(self) -> None:
        name = self._random.choice(sorted(self._actions))
        self._actions[name]()
        self.done[name] += 1

    def _run(self) -> None:
        try:
            while self.done.total() < self._times and not self._stopping.wait(self._random.uniform(*self._pause_s)):
                self.run_once()
        except Exception as error:  # noqa: BLE001  # whatever it is, `stop` raises it where it can be seen
            self.error = error
