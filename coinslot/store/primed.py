"""What every store's `find` ends with."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain


def primed(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same chunks, the first of them fetched now.

    A generator does nothing until asked for its first chunk; by then an answer's status line has been sent,
    and an unreachable store could no longer become a 503.
    """
    first = next(chunks, None)
    return iter(()) if first is None else chain((first,), chunks)
