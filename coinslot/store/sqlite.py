"""SQLite: all events in one file, shared by threads and processes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from time import time
from typing import Any, Literal

from coinslot.events import BadEvent, Dead, Event, decode
from coinslot.match import Match
from coinslot.store import chunks, place
from coinslot.store.erasing import Found
from coinslot.store.primed import primed
from coinslot.store.protocol import DUPLICATE, STORED, Cursor, Number, Outcome
from coinslot.store.sqlite_connections import Connections
from coinslot.store.sqlite_place import SqlitePlace

PAGE_BYTES = 256 * 1024
LOOK_EVENTS, EXPIRE_EVENTS = 2000, 1000  # in a step; others wait for the file meanwhile
DAY_MS = 24 * 60 * 60 * 1000

INSERT = "INSERT INTO events (id, timestamp, event, received_at_ms) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
OLDEST = "SELECT rowid FROM events WHERE received_at_ms <= ? ORDER BY received_at_ms LIMIT ?"

Row = tuple[Number, str, bytes]


class SqliteStore:
    """Events in one SQLite file. The file and its folder are made on first use."""

    def __init__(
        self, path: Path, *, synchronous: Literal["FULL", "OFF"] = "FULL", busy_timeout_s: float = 5.0
    ) -> None:
        self._connections = Connections(path, synchronous, busy_timeout_s)

    def insert(self, events: Sequence[Event]) -> list[Outcome]:
        with self._connections.lend() as connection:
            connection.execute("BEGIN IMMEDIATE")
            outcomes = [_insert(connection, event) for event in events]
            connection.execute("COMMIT")
        return outcomes

    def find(
        self,
        start: Number | None = None,
        end: Number | None = None,
        *,
        after: Cursor | None = None,
        limit: int | None = None,
        descending: bool = False,
    ) -> Iterator[bytes]:
        return primed(self._stream(start, end, after, -1 if limit is None else limit, descending))

    def get(self, id: str) -> bytes | None:
        with self._connections.lend() as connection:
            row = connection.execute("SELECT event FROM events WHERE id = ?", (id,)).fetchone()
        return None if row is None else bytes(row[0])

    def count(self, start: Number | None = None, end: Number | None = None) -> int:
        where, arguments = _where(start, end)
        query = f"SELECT count(*) FROM events {where}" if where else "SELECT events FROM total"
        with self._connections.lend() as connection:
            return int(connection.execute(query, arguments).fetchone()[0])

    def matching(self, match: Match, after: str) -> Found:
        beyond = place.read(after) if after else None
        page = self._page(*page_query(None, None, beyond, LOOK_EVENTS, False))
        hits = [id for _, id, event in page if match(decode(event))]
        return Found(hits, len(hits), place.write(Cursor(*page[-1][:2])) if page else None)

    def remove(self, match: Match, hits: Sequence[Any]) -> int:
        removed = 0
        with self._connections.lend() as connection:
            connection.execute("BEGIN IMMEDIATE")
            for id in hits:
                # Looked at again: it may have been removed, and another stored under its id, since it was found.
                row = connection.execute("SELECT event FROM events WHERE id = ?", (id,)).fetchone()
                if row is not None and match(decode(row[0])):
                    removed += connection.execute("DELETE FROM events WHERE id = ?", (id,)).rowcount
            connection.execute("COMMIT")
        return removed

    def expire(self, after_days: int) -> int:
        with self._connections.lend() as connection:
            if not after_days:
                connection.execute("DROP INDEX IF EXISTS events_received")
                return 0
            connection.execute("CREATE INDEX IF NOT EXISTS events_received ON events (received_at_ms)")
            due_ms = int(time() * 1000) - after_days * DAY_MS
            query = f"DELETE FROM events WHERE rowid IN ({OLDEST})"
            return connection.execute(query, (due_ms, EXPIRE_EVENTS)).rowcount

    def place(self) -> SqlitePlace:
        return SqlitePlace(self._connections)

    def ping(self) -> None:
        with self._connections.lend() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")

    def close(self) -> None:
        self._connections.close()

    def _stream(
        self, start: Number | None, end: Number | None, after: Cursor | None, limit: int, descending: bool
    ) -> Iterator[bytes]:
        # Page by page, each a query of its own: one query over the range would stay open for as long as its
        # slowest reader, and the write-ahead log could not shrink meanwhile.
        while page := self._page(*page_query(start, end, after, limit, descending)):
            yield chunks.join(event for _, _, event in page)
            timestamp, id, _ = page[-1]
            after = Cursor(timestamp, id)
            limit -= len(page) if limit > 0 else 0

    def _page(self, query: str, arguments: tuple[Number | str, ...]) -> list[Row]:
        page: list[Row] = []
        page_bytes = 0
        with self._connections.lend() as connection, closing(connection.execute(query, arguments)) as rows:
            for row in rows:
                page.append(row)
                page_bytes += len(row[2])
                if page_bytes >= PAGE_BYTES:
                    break
        return page


def _insert(connection: sqlite3.Connection, event: Event) -> Outcome:
    try:
        fields = event.fields
        done = connection.execute(INSERT, (fields["_id"], fields["timestamp"], event.raw, event.received_at_ms))
    except (BadEvent, OverflowError, UnicodeError, sqlite3.DataError, sqlite3.IntegrityError) as error:
        return Dead(str(error))
    return STORED if done.rowcount else DUPLICATE


def page_query(
    start: Number | None, end: Number | None, after: Cursor | None, limit: int, descending: bool
) -> tuple[str, tuple[Number | str, ...]]:
    """The query for the page after the cursor, and its arguments."""
    order = "DESC" if descending else "ASC"
    where, arguments = _where(start, end, after, descending)
    query = f"SELECT timestamp, id, event FROM events {where} ORDER BY timestamp {order}, id {order} LIMIT ?"
    return query, (*arguments, limit)


def _where(
    start: Number | None, end: Number | None, after: Cursor | None = None, descending: bool = False
) -> tuple[str, tuple[Number | str, ...]]:
    """A WHERE clause, empty without a condition, and its arguments.

    The unary plus keeps a condition out of the index search. Of two bounds on one side SQLite searches by the first
    and reads on from there to the second, which for each page would be the whole range up to the cursor.
    """
    lower = "+timestamp" if after is not None and not descending else "timestamp"
    upper = "+timestamp" if after is not None and descending else "timestamp"
    conditions: list[str] = []
    arguments: list[Number | str] = []
    if start is not None:
        conditions.append(f"{lower} >= ?")
        arguments.append(start)
    if end is not None:
        conditions.append(f"{upper} <= ?")
        arguments.append(end)
    if after is not None:
        conditions.append(f"(timestamp, id) {'<' if descending else '>'} (?, ?)")
        arguments.extend(after)
    return "WHERE " + " AND ".join(conditions) if conditions else "", tuple(arguments)
