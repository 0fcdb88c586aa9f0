"""What every place does. One contract test holds all of them to it."""

from __future__ import annotations

from typing import Protocol


class Place(Protocol):
    """Objects by name. Each method may raise StoreUnavailable, in bounded time; safe to share between threads.

    A name is of letters, digits, `-` and `/`, and no longer than 200 characters.
    """

    def put(self, name: str, content: bytes) -> None:
        """Durable when this returns. Others see the object before it or this one, whole, whatever dies meanwhile."""

    def get(self, name: str) -> bytes | None:
        """The object as it was put last; None where there is none."""

    def names(self) -> list[str]:
        """Of all objects, in any order. Whoever put something else beside them may find it here, too."""
