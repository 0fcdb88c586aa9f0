"""Taking turns at what takes much memory."""

from __future__ import annotations

import threading

from ingest.answer import Busy

TIMEOUT_S = 2.0
RETRY_AFTER_S = 1


class Turn:
    """A lock to be waited for only so long; `with` it raises Busy after that.

    To take a large body apart may need fifty times its memory, so one does it at a time. Nothing is lost by that:
    Python does it on one core anyway.
    """

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=self._timeout_s):
            raise too_many()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def too_many() -> Busy:
    """For whoever has waited long enough."""
    return Busy("too many large bodies at once", RETRY_AFTER_S)
