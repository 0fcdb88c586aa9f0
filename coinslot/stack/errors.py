"""What keeps the stack from running."""

from __future__ import annotations

from coinslot.errors import CoinslotError


class CannotStart(CoinslotError):
    """The stack cannot start here; something must be changed first."""


class NotReady(CoinslotError):
    """A part of the stack was started and does not serve."""
