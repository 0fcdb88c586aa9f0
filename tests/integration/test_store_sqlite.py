"""What is SQLite's own: locks, files that are no database, full disks, and the throwaway file of `memory`."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest

from coinslot.errors import SettingsError, StoreUnavailable
from coinslot.events import Event
from coinslot.store import STORED, Cursor, Store
from coinslot.store.chunks import split
from coinslot.store.memory import MemoryStore
from coinslot.store.sqlite import SqliteStore, page_query


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "events.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = SqliteStore(path, busy_timeout_s=0.05)
    yield store
    store.close()


def an_event(id: str, **fields: object) -> Event:
    fields = {"_id": id, "timestamp": 1, **fields}
    return Event(msgspec.json.encode(fields))


def other_connection(path: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(path, isolation_level=None))


@contextmanager
def files_no_larger_than(max_bytes: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


CALLS = [
    pytest.param(lambda store: store.insert([an_event("a")]), id="insert"),
    pytest.param(lambda store: store.find(), id="find"),
    pytest.param(lambda store: store.get("a"), id="get"),
    pytest.param(lambda store: store.count(), id="count"),
    pytest.param(lambda store: store.ping(), id="ping"),
]


class TestTheFile:
    def test_is_made_on_first_use_with_its_folder(self, store: Store, path: Path) -> None:
        before = path.parent.exists()

        store.ping()

        assert not before
        assert path.exists()

    @pytest.mark.parametrize("call", CALLS)
    def test_may_be_no_database(self, store: Store, path: Path, call: Callable[[Store], object]) -> None:
        path.parent.mkdir()
        path.write_text("a shopping list\n" * 1000)

        with pytest.raises(StoreUnavailable, match=r"events\.sqlite: file is not a database"):
            call(store)

        assert path.read_text().startswith("a shopping list")

    @pytest.mark.parametrize("call", CALLS)
    def test_may_be_in_a_folder_that_cannot_be(self, store: Store, path: Path, call: Callable[[Store], object]) -> None:
        path.parent.write_text("in the way")

        with pytest.raises(StoreUnavailable):
            call(store)

    def test_may_be_written_to_by_another_process_for_too_long(self, store: Store, path: Path) -> None:
        store.insert([an_event("a")])

        with other_connection(path) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable, match="locked"):
                store.insert([an_event("b")])
            with pytest.raises(StoreUnavailable, match="locked"):
                store.ping()
            read_meanwhile = list(split(store.find()))

        assert read_meanwhile == [an_event("a").raw]
        assert store.insert([an_event("b")]) == [STORED]

    def test_may_be_in_use_by_another_process_that_is_making_it(self, path: Path) -> None:
        path.parent.mkdir()
        store = SqliteStore(path)

        with other_connection(path) as other, ThreadPoolExecutor() as threads:
            other.execute("BEGIN IMMEDIATE")
            insert = threads.submit(store.insert, [an_event("a")])
            wait([insert], timeout=0.1)
            waited = not insert.done()
            other.execute("ROLLBACK")
            outcomes = insert.result(timeout=10)
        store.close()

        assert waited
        assert outcomes == [STORED]

    def test_may_find_no_room_and_then_holds_nothing_of_the_batch(self, store: Store) -> None:
        batch = [an_event(str(number), text="x" * 10_000) for number in range(100)]
        store.ping()

        with files_no_larger_than(300_000), pytest.raises(StoreUnavailable):
            store.insert(batch)
        stored_by_then = store.count(), list(split(store.find()))
        outcomes = store.insert(batch)

        assert stored_by_then == (0, [])
        assert outcomes == [STORED] * 100

    def test_may_lose_events_by_hand_and_the_count_stays_right(self, store: Store, path: Path) -> None:
        store.insert([an_event("a"), an_event("b"), an_event("c")])

        with other_connection(path) as other:
            other.execute("DELETE FROM events WHERE id > 'a'")

        assert store.count() == 1


class TestPages:
    @pytest.mark.parametrize(
        ("descending", "plan"),
        [(False, "(timestamp,id)>(?,?) AND timestamp<?"), (True, "timestamp>? AND (timestamp,id)<(?,?)")],
    )
    def test_start_at_their_cursor_and_sort_nothing(
        self, store: Store, path: Path, descending: bool, plan: str
    ) -> None:
        store.ping()
        query, arguments = page_query(1, 9, Cursor(5, "a"), 10, descending)

        with other_connection(path) as other:
            steps = [step for *_, step in other.execute(f"EXPLAIN QUERY PLAN {query}", arguments)]

        assert steps == [f"SEARCH events USING INDEX events_in_order ({plan})"]


class TestMemory:
    def test_is_shared_by_all_who_have_it_open(self, path: Path) -> None:
        first, second = MemoryStore(path), MemoryStore(path)

        first.insert([an_event("a")])
        first.close()
        third = MemoryStore(path)
        found = list(split(second.find())), list(split(third.find()))
        second.close()
        third.close()

        assert found == ([an_event("a").raw], [an_event("a").raw])

    def test_is_empty_again_when_the_last_has_left(self, path: Path) -> None:
        first, second = MemoryStore(path), MemoryStore(path)
        first.insert([an_event("a")])
        first.close()
        second.close()

        third = MemoryStore(path)
        counted, found = third.count(), list(split(third.find()))
        third.close()

        assert (counted, found) == (0, [])

    def test_needs_a_folder_that_can_be(self, path: Path) -> None:
        path.parent.write_text("in the way")

        with pytest.raises(SettingsError, match="DATA_DIR"):
            MemoryStore(path)


VERSION_1 = """
CREATE TABLE events (id TEXT PRIMARY KEY NOT NULL, timestamp NOT NULL, event BLOB NOT NULL);
CREATE INDEX events_in_order ON events (timestamp, id);
CREATE TABLE total (events INTEGER NOT NULL);
INSERT INTO total VALUES (0);
CREATE TRIGGER one_more AFTER INSERT ON events BEGIN UPDATE total SET events = events + 1; END;
CREATE TRIGGER one_less AFTER DELETE ON events BEGIN UPDATE total SET events = events - 1; END;
PRAGMA user_version = 1;
"""


class TestAFileOfVersion1:
    def test_is_read_and_written_and_keeps_what_it_has_for_ever(self, path: Path) -> None:
        path.parent.mkdir()
        with other_connection(path) as other:
            other.executescript(VERSION_1)
            other.execute("INSERT INTO events VALUES ('old', 1, ?)", (an_event("old").raw,))
        stores = [SqliteStore(path) for _ in range(4)]

        with ThreadPoolExecutor(4) as threads:  # all bring it to the new version at once
            outcomes = list(threads.map(lambda store: store.insert([an_event("old"), an_event("new")]), stores))
        expired = stores[0].expire(1)
        found = list(split(stores[1].find()))
        for store in stores:
            store.close()

        assert sorted(new.value for _, new in outcomes) == ["duplicate", "duplicate", "duplicate", "stored"]
        assert expired == 0
        assert found == [an_event("new").raw, an_event("old").raw]

    def test_may_still_be_written_to_by_an_older_coinslot(self, store: SqliteStore, path: Path) -> None:
        store.ping()

        with other_connection(path) as other:
            other.execute("INSERT INTO events (id, timestamp, event) VALUES ('a', 1, ?)", (an_event("a").raw,))

        assert store.get("a") == an_event("a").raw
        assert (store.count(), store.expire(1)) == (1, 0)
