"""What coinslot/analytics/places/protocol.py promises, asked of every place over real servers."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pymongo
import pytest

from coinslot.analytics.places.protocol import Place
from coinslot.analytics.places.selection import open_place
from coinslot.errors import SettingsError, StoreUnavailable
from coinslot.settings import Settings
from coinslot.stack.servers import MongoServer
from coinslot.store import READING, open_store
from coinslot.store.mongodb_place import DOCUMENT_MAX_BYTES
from tests.gcs import FakeGcs

PLACES = ("mongodb", "sqlite", "memory", "s3", "gcs")
NAME, OTHER = "counters/0123456789abcdef", "goals/fedcba9876543210"
ANY_BYTES = bytes(range(256)) * 4

NewPlace = Callable[..., Place]


@pytest.fixture
def gcs_server() -> Iterator[FakeGcs]:
    server = FakeGcs("a-bucket")
    yield server
    server.stop()


@pytest.fixture
def gcs(gcs_server: FakeGcs, tmp_path: Path) -> dict[str, object]:
    account = gcs_server.account(tmp_path)
    return {"gcs_bucket": gcs_server.bucket, "google_application_credentials": str(account)}


@pytest.fixture
def mongodb(mongodb_url: str) -> Iterator[dict[str, object]]:
    name = f"test_{uuid.uuid4().hex}"
    yield {"db_backend": "mongodb", "mongodb_url": mongodb_url, "db_name": name}
    with pymongo.MongoClient[dict[str, Any]](mongodb_url) as client:
        client.drop_database(name)


@pytest.fixture
def new_place(tmp_path: Path) -> Iterator[NewPlace]:
    """Opens places by settings; those of one test lie in one folder."""
    stores = []

    def new(**overrides: object) -> Place:
        settings = Settings.load(**{"db_backend": "dummy", "data_dir": tmp_path, **overrides})
        stores.append(open_store(settings, READING))
        return open_place(settings, stores[-1])

    yield new
    for store in stores:
        store.close()


@pytest.fixture(params=PLACES)
def overrides(request: pytest.FixtureRequest) -> dict[str, object]:
    if request.param in ("sqlite", "memory"):
        return {"db_backend": request.param}
    overrides: dict[str, object] = request.getfixturevalue(request.param)
    return overrides


@pytest.fixture
def place(overrides: dict[str, object], new_place: NewPlace) -> Place:
    return new_place(**overrides)


class TestEveryPlace:
    def test_gives_an_object_back_byte_for_byte(self, place: Place) -> None:
        place.put(NAME, ANY_BYTES)
        place.put(OTHER, b"")

        assert place.get(NAME) == ANY_BYTES
        assert place.get(OTHER) == b""

    def test_has_none_of_a_name_that_was_never_put(self, place: Place) -> None:
        assert place.get(NAME) is None
        assert place.names() == []

    def test_replaces_an_object(self, place: Place) -> None:
        place.put(NAME, b"before, and longer")
        place.put(NAME, b"after")

        assert place.get(NAME) == b"after"
        assert place.names() == [NAME]

    def test_names_all_objects(self, place: Place) -> None:
        names = {f"counters/{number:064}" for number in range(10)}
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda name: place.put(name, b"content"), names))

        found = place.names()

        assert len(found) == len(names)
        assert set(found) == names

    def test_has_objects_that_are_larger_than_a_document_of_mongodb(self, place: Place) -> None:
        large = ANY_BYTES * (17 * 1024)

        place.put(NAME, large)

        assert place.get(NAME) == large
        assert place.names() == [NAME]

    def test_shares_its_objects_with_other_processes(
        self, place: Place, overrides: dict[str, object], new_place: NewPlace
    ) -> None:
        place.put(NAME, ANY_BYTES)

        assert new_place(**overrides).get(NAME) == ANY_BYTES


class TestMongoDB:
    def test_leaves_nothing_of_a_large_object_that_was_replaced(
        self, mongodb: dict[str, object], new_place: NewPlace
    ) -> None:
        place = new_place(**mongodb)
        large = b"x" * (DOCUMENT_MAX_BYTES + 1)
        place.put(NAME, large)
        place.put(NAME, large)
        place.put(NAME, b"small")

        with pymongo.MongoClient[dict[str, Any]](str(mongodb["mongodb_url"])) as client:
            database = client[str(mongodb["db_name"])]
            left = {name: database[name].count_documents({}) for name in ("counters.files", "counters.chunks")}

        assert left == {"counters.files": 0, "counters.chunks": 0}
        assert place.get(NAME) == b"small"

    def test_says_so_when_a_large_object_is_not_whole(self, mongodb: dict[str, object], new_place: NewPlace) -> None:
        place = new_place(**mongodb)
        place.put(NAME, b"x" * (DOCUMENT_MAX_BYTES + 1))
        with pymongo.MongoClient[dict[str, Any]](str(mongodb["mongodb_url"])) as client:
            client[str(mongodb["db_name"])]["counters.chunks"].delete_one({"n": 1})

        with pytest.raises(StoreUnavailable, match="chunk"):
            place.get(NAME)


class TestAPlaceThatIsAway:
    def test_mongodb(self, mongo_of_its_own: MongoServer, new_place: NewPlace) -> None:
        place = new_place(db_backend="mongodb", mongodb_url=mongo_of_its_own.url)
        mongo_of_its_own.kill()

        self.raises_store_unavailable(place)

    def test_sqlite(self, new_place: NewPlace, tmp_path: Path) -> None:
        (tmp_path / "a file").touch()

        self.raises_store_unavailable(new_place(db_backend="sqlite", data_dir=tmp_path / "a file" / "folder"))

    def test_s3(self, s3: dict[str, object], new_place: NewPlace) -> None:
        self.raises_store_unavailable(new_place(**{**s3, "s3_host": "http://127.0.0.1:9"}))

    def test_gcs(self, gcs: dict[str, object], gcs_server: FakeGcs, new_place: NewPlace) -> None:
        place = new_place(**gcs)
        gcs_server.broken = True

        self.raises_store_unavailable(place)

    @pytest.mark.parametrize("kind", ["s3", "gcs"])
    def test_a_bucket_that_is_not_there_is_not_taken_for_an_empty_one(
        self, kind: str, request: pytest.FixtureRequest, new_place: NewPlace
    ) -> None:
        place = new_place(**{**request.getfixturevalue(kind), f"{kind}_bucket": "another-bucket"})

        self.raises_store_unavailable(place)

    def raises_store_unavailable(self, place: Place) -> None:
        with pytest.raises(StoreUnavailable) as put:
            place.put(NAME, b"content")
        with pytest.raises(StoreUnavailable):
            place.get(NAME)
        with pytest.raises(StoreUnavailable):
            place.names()
        assert "\n" not in str(put.value)


class TestSelection:
    @pytest.mark.parametrize(
        ("prefix", "expected"),
        [({}, "default"), ({"namespace": "shop"}, "shop"), ({"storage_path_prefix": "/a/b/"}, "a/b")],
    )
    def test_objects_lie_under_the_prefix(
        self,
        prefix: dict[str, str],
        expected: str,
        gcs: dict[str, object],
        gcs_server: FakeGcs,
        new_place: NewPlace,
    ) -> None:
        place = new_place(**gcs, **prefix)
        gcs_server.objects["elsewhere/counters/1"] = b""

        place.put(NAME, b"content")

        assert set(gcs_server.objects) == {f"{expected}/{NAME}", "elsewhere/counters/1"}
        assert place.names() == [NAME]

    def test_the_dummy_forgets(self, new_place: NewPlace) -> None:
        place = new_place(db_backend="dummy")

        place.put(NAME, b"content")

        assert place.get(NAME) is None
        assert place.names() == []

    def test_without_the_extra_it_is_named(self, tmp_path: Path) -> None:
        start = "import sys; sys.modules['obstore'] = None; from worker.__main__ import main; main()"
        environment = {**os.environ, "S3_BUCKET": "b", "DATA_DIR": str(tmp_path), "DB_BACKEND": "dummy"}

        ended = subprocess.run(
            [sys.executable, "-c", start], env=environment, capture_output=True, text=True, timeout=20
        )

        assert ended.returncode == 2
        assert "pip install 'coinslot[buckets]'" in ended.stderr
        assert "Traceback" not in ended.stderr

    @pytest.mark.parametrize(
        ("overrides", "named"),
        [
            pytest.param(
                {"gcs_bucket": "b", "google_application_credentials": "/not/there.json"},
                "GOOGLE_APPLICATION_CREDENTIALS",
                id="an account's file that is not there",
            ),
            pytest.param({"s3_bucket": "b", "storage_path_prefix": "a//b"}, "STORAGE_PATH_PREFIX", id="an empty step"),
        ],
    )
    def test_what_can_never_be_a_place_stops_the_start(
        self, overrides: dict[str, object], named: str, new_place: NewPlace
    ) -> None:
        with pytest.raises(SettingsError, match=named) as raised:
            new_place(**overrides)

        assert "\n" not in str(raised.value)
