"""Where counters are persisted in SQLite: a table beside the events."""

from __future__ import annotations

from coinslot.store.sqlite_connections import Connections

PUT = "INSERT INTO counters (name, content) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET content = excluded.content"


class SqlitePlace:
    """coinslot/analytics/places/protocol.py, over the connections of a store."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def put(self, name: str, content: bytes) -> None:
        with self._connections.lend() as connection:
            connection.execute(PUT, (name, content))

    def get(self, name: str) -> bytes | None:
        with self._connections.lend() as connection:
            row = connection.execute("SELECT content FROM counters WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def names(self) -> list[str]:
        with self._connections.lend() as connection:
            return [name for (name,) in connection.execute("SELECT name FROM counters")]
