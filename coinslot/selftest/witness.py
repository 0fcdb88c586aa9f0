"""A follower that resumes: every change it was told of, whatever happened to its connections."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Self

from coinslot.client import Client, FeedGap, Unavailable

RETRIES = 1_000_000  # it gives up when it is stopped, not before
JOIN_TIMEOUT_S = 10.0


class Witness:
    """Follows from the moment `start` returns until `stop`; `gaps` are what it was told is missing.

    clock: that of the load, which writes into each event when it was first sent.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        self._client = Client(url, retries=RETRIES)
        self.seen: set[str] = set()
        self.changes = 0  # at least as many as `seen`, for a change may be told twice
        self.gaps: list[FeedGap] = []
        self.longest_wait_s = 0.0  # from the first sending of an event to the first telling
        self._clock = clock
        self._thread = threading.Thread(target=self._run, name="witness", daemon=True)
        self._begun = threading.Event()

    def start(self) -> None:
        """Raises Unavailable if following does not begin."""
        self._thread.start()
        if not self._begun.wait(JOIN_TIMEOUT_S):
            raise Unavailable("the stream of changes does not begin")

    def stop(self) -> None:
        self._client.close()
        self._thread.join(JOIN_TIMEOUT_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        after: str | None = None
        while True:
            try:
                changes = self._client.follow(after, skip_gaps=bool(self.gaps))
                self._begun.set()
                for change in changes:
                    self._see(change.event)
                    after = change.cursor or after
                return
            except FeedGap as gap:
                self.gaps.append(gap)
                after = gap.after
            except Unavailable:
                return  # stopped: that ends the client's tries

    def _see(self, event: dict[str, Any]) -> None:
        self.changes += 1
        if event["_id"] not in self.seen:
            self.longest_wait_s = max(self.longest_wait_s, self._clock() - event["timestamp"] / 1000)
            self.seen.add(event["_id"])
