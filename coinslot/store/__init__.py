"""Where events are banked: one protocol, and the implementations that DB_BACKEND chooses from."""

from coinslot.store.erasing import Erasable, Found
from coinslot.store.expiring import Expiring
from coinslot.store.keeping import Keeping
from coinslot.store.patience import READING
from coinslot.store.protocol import DUPLICATE, STORED, Cursor, Outcome, Store
from coinslot.store.selection import Bank, open_store

__all__ = [
    "DUPLICATE",
    "READING",
    "STORED",
    "Bank",
    "Cursor",
    "Erasable",
    "Expiring",
    "Found",
    "Keeping",
    "Outcome",
    "Store",
    "open_store",
]
