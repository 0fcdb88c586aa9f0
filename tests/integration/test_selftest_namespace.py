"""What `coinslot selftest` removes when it is done, on servers that others use."""

from __future__ import annotations

from collections.abc import Iterator

import pymongo
import pytest
import redis

from coinslot.errors import CoinslotError
from coinslot.keys import Keys
from coinslot.ports import LOOPBACK, free_port
from coinslot.selftest.namespace import forget, new_name
from coinslot.settings import Settings

Mongo = pymongo.MongoClient[dict[str, object]]


@pytest.fixture
def mongo(mongodb_url: str) -> Iterator[Mongo]:
    with Mongo(mongodb_url) as client:
        yield client


def test_the_database_goes_though_redis_is_away_and_what_is_left_is_named(mongo: Mongo, mongodb_url: str) -> None:
    name = new_name()
    mongo[name].events.insert_one({})
    nobody = f"redis://{LOOPBACK}:{free_port()}/0"

    with pytest.raises(CoinslotError, match=rf"^the test's keys, {name}, could not be removed: [^;]+$"):
        forget(Settings.load(redis_url=nobody, mongodb_url=mongodb_url, key_prefix=name, db_name=name))

    assert name not in mongo.list_database_names()


def test_the_keys_go_though_mongodb_refuses_and_what_is_left_is_named(redis_url: str, mongodb_url: str) -> None:
    name = new_name()
    refused = {"mongodb_url": mongodb_url, "db_name": "no/name"}

    with redis.Redis.from_url(redis_url) as client:
        client.set(Keys.of(name).ledger, "x")
        with pytest.raises(CoinslotError, match=r"^the test's database, no/name, could not be removed: [^;]+$"):
            forget(Settings.load(redis_url=redis_url, key_prefix=name, **refused))

        assert client.exists(Keys.of(name).ledger) == 0
