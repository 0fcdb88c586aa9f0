"""What is MongoDB's own: faults of documents, faults of servers, databases of others."""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import bson
import msgspec
import pymongo
import pytest
from pymongo.collection import Collection

from coinslot.errors import StoreUnavailable
from coinslot.events import Dead, Event
from coinslot.stack.servers import MongoServer
from coinslot.store import DUPLICATE, STORED, Cursor, Outcome, Store
from coinslot.store.mongodb import MongoStore

Documents = Collection[dict[str, Any]]


@pytest.fixture
def documents(mongodb_url: str) -> Iterator[Documents]:
    """The collection as other software sees it."""
    name = f"test_{uuid.uuid4().hex}"
    with pymongo.MongoClient[dict[str, Any]](mongodb_url) as client:
        yield client[name]["events"]
        client.drop_database(name)


@pytest.fixture
def store(mongodb_url: str, documents: Documents) -> Iterator[Store]:
    store = MongoStore(mongodb_url, documents.database.name)
    yield store
    store.close()


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """A MongoDB that fails on request."""
    server = MongoServer(
        tmp_path_factory.mktemp("faulty"), arguments=("--setParameter", "enableTestCommands=1")
    )
    server.start()
    server.wait_ready()
    yield server
    server.stop()


@pytest.fixture
def faulty_store(faulty: MongoServer) -> Iterator[MongoStore]:
    store = MongoStore(faulty.url, f"test_{uuid.uuid4().hex}")
    store.ping()
    yield store
    store.close()


def an_event(id: str, timestamp: int | float = 1, **fields: object) -> Event:
    fields = {"_id": id, "timestamp": timestamp, **fields}
    return Event(msgspec.json.encode(fields) if "bad" not in fields else b"", fields)


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = {"in": value}
    return value


def ids(events: Iterator[bytes]) -> list[str]:
    return [json.loads(event)["_id"] for event in events]


class TestADocumentThatMongoDBCannotHold:
    @pytest.mark.parametrize(
        ("bad", "reason"),
        [
            pytest.param(2**70, "8-byte ints", id="an int beyond 64 bits"),
            pytest.param({"a\x00b": 1}, "NULL byte", id="a NUL in a key"),
            pytest.param("\ud800", "surrogates", id="text that is not Unicode"),
            pytest.param("x" * (17 << 20), "bytes in BSON", id="over 16 MiB"),
            pytest.param("x" * ((16 << 20) - 20), "too large", id="under 16 MiB of text, over it with the rest"),
            pytest.param(nested(190), "nest", id="nested deeper than MongoDB stores"),
            pytest.param(nested(250), "nest", id="nested deeper than MongoDB reads"),
            pytest.param(nested(5000), "recursion", id="nested deeper than Python encodes"),
        ],
    )
    def test_is_dead_with_its_reason_and_keeps_no_other_out(self, store: Store, bad: object, reason: str) -> None:
        store.insert([an_event("c")])
        events = [an_event("a"), an_event("b"), an_event("x", bad=bad), an_event("c"), an_event("d")]

        outcomes = store.insert(events)

        dead = outcomes.pop(2)
        assert isinstance(dead, Dead)
        assert reason in dead.reason
        assert len(dead.reason) <= 300
        assert outcomes == [STORED, STORED, DUPLICATE, STORED]
        assert ids(store.find()) == ["a", "b", "c", "d"]

    def test_may_be_one_that_the_operator_has_ruled_out(self, store: Store, documents: Documents) -> None:
        documents.create_index("email", unique=True, sparse=True)
        documents.database.command("collMod", "events", validator={"country": {"$ne": "nowhere"}})

        outcomes = store.insert(
            [an_event("a", email="x"), an_event("b", email="x"), an_event("c", country="nowhere"), an_event("a")]
        )

        assert [type(outcome) for outcome in outcomes] == [type(STORED), Dead, Dead, type(DUPLICATE)]
        assert ids(store.find()) == ["a"]


class TestTroubleThatPasses:
    @pytest.mark.parametrize(
        "fault",
        [
            pytest.param({"writeConcernError": {"code": 64, "errmsg": "no majority"}}, id="no majority in time"),
            pytest.param({"errorCode": 10107}, id="not the primary"),
            pytest.param({"errorCode": 14031}, id="disk full"),
            pytest.param({"errorCode": 2}, id="a bad value in the command, not in a document"),
            pytest.param({"closeConnection": True}, id="connection lost"),
        ],
    )
    def test_on_insert_is_never_taken_for_the_documents_fault(
        self, faulty: MongoServer, faulty_store: MongoStore, fault: dict[str, Any]
    ) -> None:
        fail(faulty, "failCommand", {"failCommands": ["insert"], **fault})

        with pytest.raises(StoreUnavailable) as raised:
            faulty_store.insert([an_event("a"), an_event("b")])

        assert "\n" not in str(raised.value)

    def test_with_single_documents_is_not_taken_for_their_fault_either(
        self, faulty: MongoServer, faulty_store: MongoStore
    ) -> None:
        namespace = faulty_store._events.full_name
        fail(faulty, "failCollectionInserts", {"collectionNS": namespace})

        with pytest.raises(StoreUnavailable):
            faulty_store.insert([an_event("a"), an_event("b")])

        assert sorted(map(str, faulty_store.insert([an_event("a"), an_event("b")]))) != []

    @pytest.mark.parametrize("command", ["find", "aggregate", "count", "ping", "createIndexes"])
    def test_of_every_command_is_store_unavailable(
        self, faulty: MongoServer, faulty_store: MongoStore, command: str
    ) -> None:
        pass


def fail(server: MongoServer, failpoint: str, data: dict[str, Any]) -> None:
    """Have the next such command, or document, fail."""
    with pymongo.MongoClient[dict[str, Any]](server.url) as client:
        client.admin.command("configureFailPoint", failpoint, mode={"times": 1}, data=data)
