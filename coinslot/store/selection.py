"""DB_BACKEND's word becomes a store."""

from __future__ import annotations

from coinslot.settings import Settings
from coinslot.store.dummy import DummyStore
from coinslot.store.memory import MemoryStore
from coinslot.store.mongodb import MongoStore
from coinslot.store.protocol import Store
from coinslot.store.sqlite import SqliteStore


def open_store(settings: Settings) -> Store:
    """The store that the settings choose; the network is not touched before its first use.

    Raises SettingsError where a setting can never lead to a store.
    """
    match settings.db_backend:
        case "mongodb":
            return MongoStore(settings.mongo_url, settings.db_name)
        case "sqlite":
            return SqliteStore(settings.data_dir / "events.sqlite")
        case "memory":
            return MemoryStore(settings.data_dir / "memory.sqlite")
        case "dummy":
            return DummyStore()
