"""Everything Coinslot raises on purpose. A class's docstring is its default message."""

from __future__ import annotations


class CoinslotError(Exception):
    """Coinslot could not do what was asked."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class CannotStart(CoinslotError):
    """This cannot start here; something must be changed first."""


class SettingsError(CannotStart):
    """A setting has a value that cannot be used."""


class NotReady(CoinslotError):
    """A part of the stack was started and does not serve."""


class StoreUnavailable(CoinslotError):
    """The store cannot be reached, or refuses what it is asked; try again later."""


class SnapshotDamaged(StoreUnavailable):
    """What was persisted of a counter is not as it was put there."""


class QueueUnavailable(CoinslotError):
    """The queue cannot be reached, or refuses what it is given; try again later."""


class FeedUnavailable(CoinslotError):
    """The change feed cannot be reached; try again later."""


class BadCursor(CoinslotError):
    """This is not a cursor that Coinslot gave out."""


class BadErasure(CoinslotError):
    """This does not say what to erase."""


class BadLetterId(CoinslotError):
    """This is not the id of a dead letter."""


class NoSuchLetter(CoinslotError):
    """There is no dead letter with this id: there never was, or it was replayed or dropped."""


class BadFeatures(CoinslotError):
    """This does not ask for feature flags, or does not say what they are."""


class ConfigMapUnavailable(CoinslotError):
    """The feature specs' ConfigMap cannot be written; try again later."""


class Halted(CoinslotError):
    """Too many events died: workers settle nothing until somebody resumes."""


class UnknownEvent(CoinslotError):
    """No event of this name is counted."""
