"""What is MongoDB's own: faults of documents, faults of servers, databases of others."""

from __future__ import annotations

import json
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import bson
import msgspec
import pymongo
import pytest
from pymongo.collection import Collection

from coinslot.errors import StoreUnavailable
from coinslot.events import RECEIVED_AT, Dead, Event
from coinslot.match import parse
from coinslot.stack.servers import MongoServer
from coinslot.store import DUPLICATE, STORED, Cursor, Store
from coinslot.store.chunks import split
from coinslot.store.mongodb import FIND_BATCH_EVENTS, STREAMS, MongoStore
from tests.pipeline import until
from tests.running import running

Documents = Collection[dict[str, Any]]


@pytest.fixture
def db_name() -> str:
    return f"test_{uuid.uuid4().hex}"


@pytest.fixture
def documents(mongodb_url: str, db_name: str) -> Iterator[Documents]:
    """The collection as other software sees it."""
    with pymongo.MongoClient[dict[str, Any]](mongodb_url) as client:
        yield client[db_name]["events"]
        client.drop_database(db_name)


@pytest.fixture
def store(mongodb_url: str, db_name: str, documents: Documents) -> Iterator[MongoStore]:
    store = MongoStore(mongodb_url, db_name)
    yield store
    store.close()


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """A MongoDB of this file's own, which fails on request and may be killed."""
    server = MongoServer(tmp_path_factory.mktemp("faulty"), arguments=("--setParameter", "enableTestCommands=1"))
    server.start()
    server.wait_ready()
    yield server
    server.stop()


@pytest.fixture
def faulty_store(faulty: MongoServer, db_name: str) -> Iterator[Store]:
    store = MongoStore(faulty.url, db_name)
    store.ping()
    yield store
    store.close()


@contextmanager
def failing(server: MongoServer, failpoint: str, **data: object) -> Iterator[None]:
    with pymongo.MongoClient[dict[str, Any]](server.url) as client:
        client.admin.command("configureFailPoint", failpoint, mode="alwaysOn", data=data)
        yield
        client.admin.command("configureFailPoint", failpoint, mode="off")


def an_event(id: str, timestamp: int | float = 1, **fields: object) -> Event:
    fields = {"_id": id, "timestamp": timestamp, **fields}
    return Event(msgspec.json.encode(fields))


def bad_event(value: bytes) -> Event:
    """With a value that the check would not have let in."""
    return Event(b'{"_id":"x","timestamp":1,"bad":%b}' % value)


def nested(depth: int) -> bytes:
    return b'{"in":' * depth + b"1" + b"}" * depth


def ids(chunks: Iterator[bytes]) -> list[str]:
    return [json.loads(event)["_id"] for event in split(chunks)]


class TestADocumentThatMongoDBCannotHold:
    @pytest.mark.parametrize(
        ("bad", "reason"),
        [
            pytest.param(b"%d" % 2**70, "8-byte ints", id="an int beyond 64 bits"),
            pytest.param(rb'{"a\u0000b":1}', "NULL byte", id="a NUL in a key"),
            pytest.param(rb'"\ud800"', "truncated", id="text that is not Unicode"),
            pytest.param(b'"%b"' % (b"x" * (17 << 20)), "bytes in BSON", id="over 16 MiB"),
            pytest.param(nested(190), "nest", id="nested deeper than MongoDB stores"),
            pytest.param(nested(250), "nest", id="nested deeper than MongoDB reads"),
            pytest.param(nested(5000), "nest", id="nested deeper than Python decodes"),
        ],
    )
    def test_is_dead_with_its_reason_and_keeps_no_other_out(self, store: Store, bad: bytes, reason: str) -> None:
        store.insert([an_event("c")])
        events = [an_event("a"), an_event("b"), bad_event(bad), an_event("c"), an_event("d")]

        outcomes = store.insert(events)

        dead = outcomes.pop(2)
        assert isinstance(dead, Dead)
        assert reason in dead.reason
        assert len(dead.reason) <= 300
        assert outcomes == [STORED, STORED, DUPLICATE, STORED]
        assert ids(store.find()) == ["a", "b", "c", "d"]

    def test_keeps_no_other_out_where_they_are_too_large_for_one_message(self, store: Store) -> None:
        large = [an_event(str(number), text="x" * (15 << 20)) for number in range(4)]

        outcomes = store.insert([*large, bad_event(b"%d" % 2**70), an_event("y", text="x" * (17 << 20))])

        *stored, unencodable, too_large = outcomes
        assert stored == [STORED] * 4  # a duplicate would say that an attempt to send them had been given up halfway
        assert isinstance(unencodable, Dead)
        assert isinstance(too_large, Dead)
        assert "8-byte ints" in unencodable.reason
        assert "bytes in BSON" in too_large.reason

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
            pytest.param({"errorCode": 2}, id="a bad value in the command itself"),
            pytest.param({"closeConnection": True}, id="connection lost"),
        ],
    )
    def test_in_inserting_is_not_taken_for_a_documents_fault(
        self, faulty: MongoServer, faulty_store: Store, fault: dict[str, Any]
    ) -> None:
        with (
            failing(faulty, "failCommand", failCommands=["insert"], **fault),
            pytest.raises(StoreUnavailable) as raised,
        ):
            faulty_store.insert([an_event("a"), an_event("b")])

        assert "\n" not in str(raised.value)
        assert len(str(raised.value)) < 400

    def test_with_each_single_document_is_not_taken_for_its_fault(
        self, faulty: MongoServer, faulty_store: Store, db_name: str
    ) -> None:
        with (
            failing(faulty, "failCollectionInserts", collectionNS=f"{db_name}.events"),
            pytest.raises(StoreUnavailable),
        ):
            faulty_store.insert([an_event("a"), an_event("b")])

        assert faulty_store.insert([an_event("a"), an_event("b")]) == [STORED, STORED]

    @pytest.mark.parametrize(
        ("command", "call"),
        [
            pytest.param("find", lambda store: store.find(), id="find"),
            pytest.param("getMore", lambda store: list(store.find()), id="find, later on"),
            pytest.param("find", lambda store: store.get("00001"), id="get"),
            pytest.param("count", lambda store: store.count(), id="count"),
            pytest.param("aggregate", lambda store: store.count(0), id="count in a range"),
            pytest.param("ping", lambda store: store.ping(), id="ping"),
        ],
    )
    def test_in_any_other_call_is_store_unavailable_until_it_has_passed(
        self, faulty: MongoServer, faulty_store: Store, command: str, call: Callable[[Store], object]
    ) -> None:
        faulty_store.insert([an_event(f"{number:05}") for number in range(2000)])

        with (
            failing(faulty, "failCommand", failCommands=[command], errorCode=13),
            pytest.raises(StoreUnavailable, match="failCommand"),
        ):
            call(faulty_store)

        call(faulty_store)

    def test_in_making_the_index_is_met_again_until_the_index_is_there(self, faulty: MongoServer, db_name: str) -> None:
        store = MongoStore(faulty.url, db_name)

        with failing(faulty, "failCommand", failCommands=["createIndexes"], errorCode=13):
            for _ in range(2):
                with pytest.raises(StoreUnavailable):
                    store.insert([an_event("a")])
        outcomes = store.insert([an_event("a")])
        found = ids(store.find())
        store.close()

        assert outcomes == [STORED]
        assert found == ["a"]

    def test_may_be_a_kill_and_what_was_stored_is_there_afterwards(
        self, faulty: MongoServer, faulty_store: Store
    ) -> None:
        faulty_store.insert([an_event(f"{number:05}") for number in range(100)])

        faulty.kill()
        with pytest.raises(StoreUnavailable):
            faulty_store.insert([an_event("00100")])
        faulty.start()
        faulty.wait_ready()
        outcomes = faulty_store.insert([an_event("00099"), an_event("00100")])

        assert outcomes == [DUPLICATE, STORED]
        assert len(ids(faulty_store.find())) == 101
        assert faulty_store.count(float("-inf")) == 101
        assert faulty_store.count() == 101, "MongoDB itself would now say 1 or so"

    def test_may_be_a_dropped_database_and_the_next_call_but_one_makes_it_anew(
        self, store: Store, documents: Documents
    ) -> None:
        store.insert([an_event("a")])
        documents.database.client.drop_database(documents.database.name)
        store.insert([an_event("b")])  # without the index, which nobody has missed yet

        with pytest.raises(StoreUnavailable):
            store.find()

        assert ids(store.find()) == ["b"]


class TestAServerThatIsNotThere:
    @pytest.mark.parametrize("accepts", [False, True], ids=["refuses", "is silent"])
    def test_makes_every_call_store_unavailable(self, accepts: bool) -> None:
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            if accepts:
                server.listen()
            store = MongoStore(f"mongodb://127.0.0.1:{server.getsockname()[1]}/", "test")
            calls: list[Callable[[], object]] = [
                lambda: store.insert([an_event("a")]),
                lambda: store.find(),
                lambda: store.get("a"),
                lambda: store.count(),
                lambda: store.ping(),
            ]

            with ThreadPoolExecutor() as threads:  # all at once, for each waits some seconds
                errors = [call.exception() for call in [threads.submit(call) for call in calls]]
            store.close()

        assert [type(error) for error in errors] == [StoreUnavailable] * 5
        assert all(str(error).startswith("MongoDB: ") and "\n" not in str(error) for error in errors)

    def test_is_not_asked_before_the_first_call(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(0.2)

            store = MongoStore(f"mongodb://127.0.0.1:{server.getsockname()[1]}/", "test")
            with pytest.raises(TimeoutError):
                server.accept()
            with pytest.raises(StoreUnavailable):
                store.ping()
            store.close()

            server.accept()[0].close()  # now it was


class TestManyReaders:
    def test_who_stop_halfway_leave_connections_to_others_and_miss_nothing(
        self, mongodb_url: str, db_name: str, documents: Documents
    ) -> None:
        store = MongoStore(f"{mongodb_url}?maxPoolSize={STREAMS + 2}", db_name)
        store.insert([an_event(f"{number:04}", number) for number in range(3 * FIND_BATCH_EVENTS)])
        readers = [store.find() for _ in range(2 * STREAMS)]

        halfway = [ids(islice(reader, 3)) for reader in readers]
        counted = store.count(0)
        whole = [read + ids(reader) for read, reader in zip(halfway, readers, strict=True)]
        store.close()

        assert min(map(len, halfway)) > FIND_BATCH_EVENTS
        assert counted == 3 * FIND_BATCH_EVENTS
        assert whole == [[f"{number:04}" for number in range(counted)]] * len(readers)


class TestTheIndex:
    @pytest.mark.parametrize("descending", [False, True])
    def test_finds_the_next_page_without_reading_or_sorting_the_others(
        self, store: Store, documents: Documents, descending: bool
    ) -> None:
        store.insert([an_event(f"{number:04}", number // 100) for number in range(1000)])
        documents.database.command("profile", 2)

        found = ids(store.find(1, 8, after=Cursor(5, "0550"), limit=10, descending=descending))

        [profile] = documents.database["system.profile"].find({"op": "query", "ns": documents.full_name})
        assert found == [f"{n:04}" for n in (range(549, 539, -1) if descending else range(551, 561))]
        assert profile["keysExamined"] <= 12
        assert profile["docsExamined"] <= 11
        assert not profile.get("hasSortStage")

    def test_counts_a_range_without_reading_the_documents(self, store: Store, documents: Documents) -> None:
        store.insert([an_event(f"{number:04}", number) for number in range(1000)])
        documents.database.command("profile", 2)

        counted = store.count(100, 199)

        [profile] = documents.database["system.profile"].find({"command.aggregate": "events"})
        assert counted == 100
        assert profile["keysExamined"] <= 101
        assert profile["docsExamined"] == 0


class TestADatabaseThatOtherSoftwareFilled:
    def test_is_read_as_json_whatever_is_in_it(self, store: Store, documents: Documents) -> None:
        id = bson.ObjectId()
        foreign = {"at": datetime(2012, 3, 29, 18, 35, tzinfo=UTC), "id": id, "number": bson.Decimal128("1.50")}
        foreign |= {
            "not a number": float("nan"),
            "bytes": b"\x00\xff",
            "long": bson.Int64(7),
            "pattern": bson.Regex("a"),
        }
        documents.insert_one({"_id": id, "timestamp": 1, **foreign})

        [found] = split(store.find())

        fields = json.loads(found)
        assert fields["_id"] == fields["id"] == str(id)
        assert fields["at"] == "2012-03-29T18:35:00Z"
        assert fields["not a number"] is None
        assert fields["long"] == 7
        assert fields["bytes"] == "AP8="
        assert fields["number"] == "1.50"

    def test_gives_its_object_ids_to_whoever_asks_in_hexadecimal(self, store: Store, documents: Documents) -> None:
        own, foreign = bson.ObjectId(), bson.ObjectId()
        documents.insert_many([{"_id": own, "timestamp": 1}, {"_id": foreign, "timestamp": 2}])
        store.insert([an_event(str(own), 3)])

        mine, theirs = store.get(str(own)), store.get(str(foreign))

        assert mine == an_event(str(own), 3).raw
        assert theirs is not None
        assert json.loads(theirs) == {"_id": str(foreign), "timestamp": 2}

    @pytest.mark.parametrize("descending", [False, True])
    def test_is_paged_through_without_losing_any_of_one_moment(
        self, store: Store, documents: Documents, descending: bool
    ) -> None:
        documents.insert_many([{"_id": bson.ObjectId(), "timestamp": 1} for _ in range(5)])
        found: list[str] = []
        after = None

        while page := ids(store.find(after=after, limit=2, descending=descending)):
            found += page
            after = Cursor(1, page[-1])

        assert found == ids(store.find(descending=descending))
        assert len(found) == 5


@pytest.fixture(scope="module")
def expiring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """A MongoDB that looks every second for what has expired, not every minute."""
    arguments = ("--setParameter", "ttlMonitorSleepSecs=1")
    with running(MongoServer(tmp_path_factory.mktemp("expiring"), arguments=arguments)) as server:
        yield server


def received(id: str, days_ago: float) -> Event:
    return Event(an_event(id).raw, int((time.time() - days_ago * 86_400) * 1000))


def rule(documents: Documents) -> int | None:
    """After how many seconds MongoDB removes a document; None if it removes none."""
    found: int | None = documents.index_information().get("coinslot_expiry", {}).get("expireAfterSeconds")
    return found


class TestRetention:
    def test_removes_what_was_received_so_many_days_ago_and_keeps_all_else_and_the_count_is_right(
        self, expiring: MongoServer, db_name: str
    ) -> None:
        store = MongoStore(expiring.url, db_name)
        store.insert([received(f"old{n}", 8) for n in range(300)])
        store.insert([received("young", 6), received("now", 0), an_event("unknown")])
        before = store.count()

        store.expire(7)

        until(lambda: len(ids(store.find())) == 3, timeout_s=60, what="expired")
        assert before == 303
        assert sorted(ids(store.find())) == ["now", "unknown", "young"]
        assert store.count() == 3
        store.close()

    def test_positive_control_without_it_nothing_goes(self, expiring: MongoServer, db_name: str) -> None:
        kept, witness = MongoStore(expiring.url, db_name), MongoStore(expiring.url, f"{db_name}_2")
        for store in (kept, witness):
            store.insert([received("old", 8)])
        kept.expire(7)
        kept.expire(0)
        kept.insert([received("old", 8)])

        witness.expire(7)

        until(lambda: not ids(witness.find()), timeout_s=60, what="MongoDB looked for what has expired")
        assert ids(kept.find()) == ["old"]
        kept.close()
        witness.close()

    def test_follows_its_setting(self, store: MongoStore, documents: Documents) -> None:
        rules = []

        for days in (0, 7, 7, 30, 0, 24_855):
            store.expire(days)
            rules.append(rule(documents))

        assert rules == [None, 7 * 86_400, 7 * 86_400, 30 * 86_400, None, 24_855 * 86_400]

    def test_that_is_not_wanted_makes_no_database(self, store: MongoStore, documents: Documents) -> None:
        store.expire(0)

        assert documents.database.name not in documents.database.client.list_database_names()

    def test_is_asked_for_again_where_the_database_was_made_anew(self, store: MongoStore, documents: Documents) -> None:
        store.expire(7)
        documents.database.client.drop_database(documents.database.name)
        store.insert([an_event("a")])

        store.expire(7)

        assert rule(documents) == 7 * 86_400

    def test_is_a_date_that_is_kept_beside_the_event_and_a_duplicate_does_not_change_it(
        self, store: MongoStore, documents: Documents
    ) -> None:
        first = received("a", 8)
        store.insert([first, an_event("unknown")])

        store.insert([received("a", 1)])

        found = {document["_id"]: document for document in documents.find()}
        assert found["a"][RECEIVED_AT].timestamp() == pytest.approx((first.received_at_ms or 0) / 1000, abs=0.001)
        assert RECEIVED_AT not in found["unknown"]


class TestErasing:
    @pytest.mark.parametrize("indexed", [False, True])
    def test_finds_the_same_through_an_index_as_without_and_reads_no_more_than_it_must(
        self, store: MongoStore, documents: Documents, indexed: bool
    ) -> None:
        store.insert([an_event(f"{n:05}", n, user={"id": f"u{n % 100}"}) for n in range(2000)])
        store.insert([an_event(f"x{n}", n, user=[{"id": ["u7", 7]}]) for n in range(5)])
        if indexed:
            documents.create_index([("user.id", 1), ("timestamp", 1)])
        documents.database.command("profile", 2)

        found = store.matching(parse("user.id", "u7"), "")

        [profile] = documents.database["system.profile"].find({"op": "query", "ns": documents.full_name})
        assert found.events == 25
        assert profile["docsExamined"] <= (25 if indexed else 2005)
        assert store.remove(parse("user.id", "u7"), found.hits) == 25
        assert store.matching(parse("user.id", "u7"), "").events == 0

    def test_finds_the_object_ids_of_other_software_by_their_text(
        self, store: MongoStore, documents: Documents
    ) -> None:
        id = bson.ObjectId()
        documents.insert_many([{"_id": id, "timestamp": 1}, {"_id": bson.ObjectId(), "timestamp": 1}])

        found = store.matching(parse("_id", str(id)), "")

        assert store.remove(parse("_id", str(id)), found.hits) == 1
        assert store.count() == 1

    def test_passes_over_documents_that_are_no_events(self, store: MongoStore, documents: Documents) -> None:
        foreign = [{"user_id": "me"}, {"timestamp": "now", "user_id": "me"}, {"timestamp": None, "user_id": "me"}]
        documents.insert_many(foreign)
        store.insert([an_event("a", 1, user_id="me")])

        found = store.matching(parse("user_id", "me"), "")

        assert list(found.hits) == ["a"]

    def test_after_a_crash_leaves_the_count_right(self, faulty: MongoServer, db_name: str) -> None:
        store = MongoStore(faulty.url, db_name)
        store.insert([an_event(f"{n:03}", n, user_id="me" if n % 2 else "other") for n in range(100)])
        faulty.kill()
        faulty.start()
        faulty.wait_ready()
        until(lambda: answers(store), what="reconnected")
        store.insert([an_event("one more")])
        before = store.count()

        match = parse("user_id", "me")
        removed = store.remove(match, store.matching(match, "").hits)

        assert (before, removed) == (101, 50)
        assert store.count() == store.count(float("-inf")) == 51, "MongoDB's own figure has stopped at 0"
        store.close()


def answers(store: MongoStore) -> bool:
    try:
        store.ping()
    except StoreUnavailable:
        return False
    return True


class TestTheJournal:
    """The stack's mongod syncs it by itself but twice a second (coinslot/stack/servers.py)."""

    WRITES = 40

    def test_is_synced_for_each_insert_before_that_returns(
        self, store: MongoStore, documents: Documents, mongodb_url: str
    ) -> None:
        before = journal_syncs(mongodb_url)

        for number in range(self.WRITES):
            store.insert([an_event(f"j{number}")])

        assert journal_syncs(mongodb_url) - before >= self.WRITES

    def test_positive_control_is_not_synced_for_each_that_does_not_ask_for_it(
        self, documents: Documents, mongodb_url: str
    ) -> None:
        before = journal_syncs(mongodb_url)

        for number in range(self.WRITES):
            documents.insert_one({"_id": f"u{number}"})

        assert journal_syncs(mongodb_url) - before < self.WRITES


def journal_syncs(url: str) -> int:
    with pymongo.MongoClient[dict[str, Any]](url) as client:
        syncs: int = client.admin.command("serverStatus")["wiredTiger"]["log"]["log sync operations"]
        return syncs
