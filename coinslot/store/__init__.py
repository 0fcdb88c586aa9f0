"""Where events are banked: one protocol, and the implementations that DB_BACKEND chooses from."""

from coinslot.store.protocol import DUPLICATE, STORED, Cursor, Outcome, Store
from coinslot.store.selection import open_store

__all__ = ["DUPLICATE", "STORED", "Cursor", "Outcome", "Store", "open_store"]
