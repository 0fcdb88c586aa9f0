"""Real servers for the tests that need them, started once a run, on free ports, in folders of their own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from coinslot.settings import Settings
from coinslot.stack.servers import MongoServer, RedisServer
from tests.bench import Bench
from tests.counted import Counted, Shelf
from tests.pipeline import Pipeline
from tests.running import running
from tests.s3 import make_bucket, s3_server


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Shared: tests use a KEY_PREFIX of their own and never kill it; those that do start one themselves."""
    with running(RedisServer(tmp_path_factory.mktemp("redis"))) as server:
        yield server


@pytest.fixture(scope="session")
def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """Shared: tests use a database of their own and never kill it."""
    with running(MongoServer(tmp_path_factory.mktemp("mongodb"))) as server:
        yield server


@pytest.fixture(scope="session")
def redis_url(redis_server: RedisServer) -> str:
    return redis_server.url


@pytest.fixture(scope="session")
def mongodb_url(mongo_server: MongoServer) -> str:
    return mongo_server.url


@pytest.fixture
def redis_of_its_own(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that the test may kill, fill or empty."""
    folder = tmp_path / "redis"
    folder.mkdir()
    with running(RedisServer(folder)) as server:
        yield server


@pytest.fixture
def mongo_of_its_own(tmp_path: Path) -> Iterator[MongoServer]:
    """A MongoDB that the test may kill or freeze."""
    folder = tmp_path / "mongodb"
    folder.mkdir()
    with running(MongoServer(folder)) as server:
        yield server


@pytest.fixture
def prefix() -> str:
    """A KEY_PREFIX that no other test uses."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def bench(redis_url: str, prefix: str) -> Iterator[Bench]:
    bench = Bench(Settings.load(redis_url=redis_url, key_prefix=prefix, claim_idle_s=0.05, claim_every_s=0.01))
    yield bench
    bench.close()


@pytest.fixture(scope="module")
def stack(redis_url: str, mongodb_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A running Coinslot for the tests of one file: its `url` takes and gives events; `api_url` is the stream lane."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    environment = {"REDIS_URL": redis_url, "MONGODB_URL": mongodb_url, "DB_NAME": name, "KEY_PREFIX": name}
    pipeline = Pipeline(tmp_path_factory.mktemp("stack"), environment, api=True).start()
    yield pipeline
    pipeline.stop()


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture
def s3(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Settings of a bucket of one's own; the credentials stand in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "anybody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "anything")
    bucket = f"test-{uuid.uuid4().hex}"
    make_bucket(s3_url, bucket)
    return {"s3_bucket": bucket, "s3_host": s3_url}


@pytest.fixture
def counted(redis_url: str, prefix: str) -> Counted:
    """Counters that may be counted; there are none yet."""
    return Counted(redis_url, prefix).begin()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()
