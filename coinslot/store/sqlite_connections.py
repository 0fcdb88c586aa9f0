"""Connections to one SQLite file, lent to one call at a time, and the schema of the file.

events (id, timestamp, event, received_at_ms)   event is the JSON as posted; index (timestamp, id); received_at_ms is
                                                NULL for what came in before version 2; indexed while events expire
counters (name, content)                        what is persisted of counters, since version 3
total (events)                                  one row: how many there are, kept by triggers
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Full, LifoQueue
from typing import Literal

from coinslot.errors import StoreUnavailable

IDLE_CONNECTIONS = 8
WAL_RETRY_S = 0.01

# Each brings a file to the next version. `timestamp` has no type on purpose: any type would make floats of some ints,
# or ints of some floats.
VERSIONS = (
    (
        "CREATE TABLE events (id TEXT PRIMARY KEY NOT NULL, timestamp NOT NULL, event BLOB NOT NULL)",
        "CREATE INDEX events_in_order ON events (timestamp, id)",
        "CREATE TABLE total (events INTEGER NOT NULL)",
        "INSERT INTO total VALUES (0)",
        "CREATE TRIGGER one_more AFTER INSERT ON events BEGIN UPDATE total SET events = events + 1; END",
        "CREATE TRIGGER one_less AFTER DELETE ON events BEGIN UPDATE total SET events = events - 1; END",
    ),
    ("ALTER TABLE events ADD COLUMN received_at_ms INTEGER",),
    ("CREATE TABLE counters (name TEXT PRIMARY KEY NOT NULL, content BLOB NOT NULL)",),
)


class Connections:
    """Lends connections; keeps a few between calls, and closes what there are more of.

    Not one a thread: threads come and go, and each would leave a connection open.
    """

    def __init__(self, path: Path, synchronous: Literal["FULL", "OFF"], busy_timeout_s: float) -> None:
        self._path = path
        self._synchronous = synchronous
        self._busy_timeout_s = busy_timeout_s
        self._idle: LifoQueue[sqlite3.Connection] = LifoQueue(IDLE_CONNECTIONS)

    @contextmanager
    def lend(self) -> Iterator[sqlite3.Connection]:
        """A connection without a transaction; raises StoreUnavailable for whatever SQLite raises meanwhile."""
        try:
            connection = self._take()
            try:
                yield connection
            except BaseException:
                connection.close()  # which rolls back; and the file may be another one by now
                raise
            self._put(connection)
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(f"SQLite: {self._path}: {error}") from error

    def close(self) -> None:
        while not self._idle.empty():
            self._idle.get_nowait().close()

    def _take(self) -> sqlite3.Connection:
        try:
            return self._idle.get_nowait()
        except Empty:
            return self._open()

    def _put(self, connection: sqlite3.Connection) -> None:
        try:
            self._idle.put_nowait(connection)
        except Full:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self._path, timeout=self._busy_timeout_s, isolation_level=None, check_same_thread=False
        )
        try:
            self._use_write_ahead_log(connection)
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            if _version(connection) < len(VERSIONS):
                _migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _use_write_ahead_log(self, connection: sqlite3.Connection) -> None:
        # Here, unlike everywhere else, SQLite does not wait if another process does the same to a new file.
        give_up_at = time.monotonic() + self._busy_timeout_s
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_at:
                    raise
                time.sleep(WAL_RETRY_S)


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _migrate(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statements in VERSIONS[_version(connection) :]:  # asked again: another process may have been first
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(VERSIONS)}")
    connection.execute("COMMIT")
