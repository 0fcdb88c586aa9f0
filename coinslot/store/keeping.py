"""A store keeps counters, too."""

from __future__ import annotations

from typing import Protocol

from coinslot.analytics.places.protocol import Place


class Keeping(Protocol):
    """A store that has a place for what is persisted of counters."""

    def place(self) -> Place:
        """It lives as long as the store, whose durability and whose waits are its own."""
