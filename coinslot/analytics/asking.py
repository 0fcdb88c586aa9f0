"""Whoever asks Redis for counters, or tells it of them, may find that it does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from coinslot.errors import QueueUnavailable
from coinslot.redisclient import Errors


@contextmanager
def asking() -> Iterator[None]:
    """For the body: an error of the client's becomes QueueUnavailable."""
    try:
        yield
    except Errors as error:
        raise QueueUnavailable(f"the counters cannot be read or written: {error}") from error
