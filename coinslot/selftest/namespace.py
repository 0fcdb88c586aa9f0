"""A namespace of one's own on servers that others use: names nobody else has, and their removal."""

from __future__ import annotations

import secrets

import pymongo
from pymongo.errors import PyMongoError

from coinslot import redisclient
from coinslot.errors import CoinslotError
from coinslot.keys import Keys
from coinslot.settings import Settings

TIMEOUT_S = 5.0


def new_name() -> str:
    """For KEY_PREFIX and DB_NAME."""
    return f"selftest-{secrets.token_hex(6)}"


def forget(settings: Settings) -> None:
    """Remove what is under the names of these settings, on the servers that they name.

    Raises CoinslotError, which names what is left, after all has been tried.
    """
    left = []
    for what, name, remove in (
        ("keys", settings.key_prefix, _remove_keys),
        ("database", settings.db_name, _remove_database),
    ):
        try:
            remove(settings)
        except (*redisclient.Errors, PyMongoError) as error:
            left.append(f"the test's {what}, {name}, could not be removed: {error}")
    if left:
        raise CoinslotError("; ".join(left))


def _remove_keys(settings: Settings) -> None:
    if settings.names_redis:
        keys = Keys.of(settings.key_prefix)
        with redisclient.connect(settings.redis_url, timeout_s=TIMEOUT_S) as client:
            client.unlink(keys.feed, keys.erasures, keys.counted)  # nothing is counted, so no counter is left
            for queue in keys.by_queue().values():
                client.unlink(queue.queue, queue.ledger, queue.dead)


def _remove_database(settings: Settings) -> None:
    if settings.db_backend == "mongodb" and settings.names_mongodb:
        with pymongo.MongoClient[dict[str, object]](
            settings.mongo_url, serverSelectionTimeoutMS=int(TIMEOUT_S * 1000)
        ) as mongo:
            mongo.drop_database(settings.db_name)
