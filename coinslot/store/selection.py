"""DB_BACKEND's word becomes a store."""

from __future__ import annotations

from typing import Protocol

from coinslot.settings import Settings
from coinslot.store.dummy import DummyStore
from coinslot.store.erasing import Erasable
from coinslot.store.expiring import Expiring
from coinslot.store.keeping import Keeping
from coinslot.store.memory import MemoryStore
from coinslot.store.mongodb import MongoStore
from coinslot.store.patience import STORING, Patience
from coinslot.store.protocol import Store
from coinslot.store.sqlite import SqliteStore


class Bank(Store, Erasable, Expiring, Keeping, Protocol):
    """All that every store does. Whoever opens one hands on no more of it than is needed."""


def open_store(settings: Settings, patience: Patience = STORING) -> Bank:
    """The store that the settings choose; the network is not touched before its first use.

    Raises SettingsError where a setting can never lead to a store.
    """
    match settings.db_backend:
        case "mongodb":
            return MongoStore(settings.mongo_url, settings.db_name, patience)
        case "sqlite":
            return SqliteStore(settings.data_dir / "events.sqlite")
        case "memory":
            return MemoryStore(settings.data_dir / "memory.sqlite")
        case "dummy":
            return DummyStore()
