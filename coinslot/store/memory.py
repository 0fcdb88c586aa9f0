"""The throwaway store: SQLite in a file that every process of one Coinslot shares and none finds again.

It is a file because ingest, worker and api are processes of their own. Each holds a shared lock on
`<file>.lock` for as long as it has the store open. Who can get that lock exclusively is the first to come, so
whatever lies there was left by processes that are gone, and is thrown away. A killed process loses its lock too.
"""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import TextIO

from coinslot.errors import SettingsError
from coinslot.store.sqlite import SqliteStore


class MemoryStore(SqliteStore):
    """Events live as long as any process has this store open."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, synchronous="OFF")
        try:
            self._lock = _join(path)
        except OSError as error:
            raise SettingsError(f"DATA_DIR: {error}") from error

    def close(self) -> None:
        super().close()
        self._lock.close()


def _join(path: Path) -> TextIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = Path(f"{path}.lock").open("w")  # noqa: SIM115 (held until close)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pass  # others have the store open: their events are to be shared, not thrown away
    else:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
    # Going from exclusive to shared lets go for an instant. Another process may slip in and throw away
    # as well; nothing is lost, for nobody opens the file before holding the shared lock.
    fcntl.flock(lock, fcntl.LOCK_SH)
    return lock
