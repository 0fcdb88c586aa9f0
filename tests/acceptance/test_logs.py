"""No token and nothing of an event stands in a log, whatever is posted and whatever goes wrong."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pymongo
import pytest

from coinslot.stack.servers import MongoServer, RedisServer
from tests.pipeline import PATH, Pipeline, until
from tests.wire import Stream, exchange

MIB = 1024 * 1024
FORM = "application/x-www-form-urlencoded"


class Secrets(NamedTuple):
    """What must not be found; `marker` stands in every event, as a value, a key, an id or in what is no event."""

    marker: str
    read: str
    write: str
    admin: str
    unknown: str


@pytest.fixture
def secrets() -> Secrets:
    return Secrets(*(f"{name}{uuid.uuid4().hex}" for name in Secrets._fields))


@pytest.fixture
def pipeline(
    redis_of_its_own: RedisServer, mongodb_url: str, prefix: str, tmp_path: Path, secrets: Secrets
) -> Iterator[Pipeline]:
    """MODE=dev: as talkative as it gets."""
    environment = {
        "REDIS_URL": redis_of_its_own.url,
        "MONGODB_URL": mongodb_url,
        "DB_NAME": prefix,
        "KEY_PREFIX": prefix,
        "MODE": "dev",
        "READ_TOKENS": secrets.read,
        "WRITE_TOKENS": secrets.write,
        "ADMIN_TOKENS": secrets.admin,
        "RATE_LIMIT": "10000/minute",
    }
    folder = tmp_path / "logs"
    folder.mkdir()
    pipeline = Pipeline(folder, environment, api=True, token=secrets.admin).start()
    yield pipeline
    pipeline.stop()


@pytest.fixture
def strict(mongodb_url: str, prefix: str) -> None:
    """A collection whose operator has rules of his own, by which events become dead letters."""
    with pymongo.MongoClient[dict[str, object]](mongodb_url) as client:
        events = client[prefix]["events"]
        events.create_index("email", unique=True, sparse=True)
        events.database.command("collMod", "events", validator={"country": {"$ne": "nowhere"}})


def posts(marker: str) -> list[tuple[bytes, str]]:
    """Good, bad, oversized and dead-letter-bound bodies, each with its media type."""

    def event(**fields: object) -> bytes:
        return json.dumps({"timestamp": 1, marker: marker, **fields}).encode()

    good = event(_id=marker)
    return [
        (good, "application/json"),
        (good, "application/json"),  # again: a duplicate
        (b"data=" + event(), FORM),
        (event(email=f"{marker}@shop.example"), "application/json"),
        (event(email=f"{marker}@shop.example"), "application/json"),  # a dead letter, for the index on email
        (event(country="nowhere"), "application/json"),  # another, for the validator
        (event(timestamp=marker), "application/json"),
        (event(timestamp=2**70), "application/json"),
        (event(_id=marker * 9), "application/json"),
        (event(text=marker * (2 * MIB // len(marker))), "application/json"),
        (event(text=marker * (9 * MIB // len(marker))), "application/json"),
        (b'{"timestamp": 1, "%b": %b}' % (marker.encode(), marker.encode()), "application/json"),
        (b'{"timestamp": 1, "a": "%b\xff"}' % marker.encode(), "application/json"),
        (b'{"timestamp": 1, "%b\\u0000": 1}' % marker.encode(), "application/json"),
        (b'{"timestamp": 1, "\\ud800": "%b"}' % marker.encode(), "application/json"),
        (good, f"application/{marker}"),
        (good[:-5], "application/json"),
        (b"%b=" % marker.encode(), FORM),
        (gzip.compress(good)[:-3], "application/json"),
    ]


def wrong_and_right(pipeline: Pipeline, secrets: Secrets) -> None:
    """Requests with every token, where it belongs and where it does not."""
    for token in secrets:
        pipeline.get("/count", Authorization=f"Bearer {token}")
        pipeline.get("/count", Authorization=f"Basic {token}")
        pipeline.get("/nowhere", Authorization=f"Bearer {token}", Cookie=f"token={token}")
        pipeline.post(b"{}", Authorization=f"Bearer {token}")
        with Stream(pipeline.api_url, Authorization=f"Bearer {token}"):
            pass
        for url in (pipeline.url, pipeline.api_url):
            broken = (
                f"GET {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nAuthor\xeezation: {token}\r\n\r\n"
            )
            exchange(url, broken.encode("latin-1"), hang_up=True)
    pipeline.get(f"?id={secrets.marker}")
    pipeline.get(f"?start={secrets.marker}")
    pipeline.get(f"?after={secrets.marker}")


@pytest.mark.usefixtures("strict")
def test_no_token_and_nothing_of_an_event_is_ever_logged(
    pipeline: Pipeline, secrets: Secrets, redis_of_its_own: RedisServer, mongo_server: MongoServer, tmp_path: Path
) -> None:
    for body, media in posts(secrets.marker):
        pipeline.post(body, media)
        pipeline.post(body, media, query="?on_error=skip", Content_Encoding="gzip")
    settled = pipeline.wait_settled()
    wrong_and_right(pipeline, secrets)
    redis_of_its_own.kill()
    busy = pipeline.post(posts(secrets.marker)[0][0])
    wrong_and_right(pipeline, secrets)
    logs = {path.name: path for path in (tmp_path / "logs").glob("*.log")}
    until(lambda: "trying again" in logs["worker-0.log"].read_text(), what="the worker missing Redis")
    pipeline.stop()

    assert settled["dead"] == 2
    assert settled["duplicate"] == 1
    assert busy.status == 503
    logs |= {"redis": redis_of_its_own.log, "mongod": mongo_server.log}
    said = {name: path.read_text(errors="replace") for name, path in logs.items()}
    assert [(name, secret) for name, text in said.items() for secret in secrets if secret in text] == []
    # Positive control: each process has written to its log what it was known to say.
    assert "requests are not counted" in said["front.log"]
    assert "requests are not counted" in said["api.log"]
    assert said["worker-0.log"].count("dead letter: 1 event(s)") == 2
    assert "a unique index has its value already" in said["worker-0.log"]
