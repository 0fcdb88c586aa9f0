"""Events that the store refuses, and what dead letters hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pymongo
from pymongo.collection import Collection

from coinslot.client import Client, DeadLetter
from tests.pipeline import Pipeline

PAGE = 1000


def forbid(pipeline: Pipeline, validator: dict[str, object]) -> None:
    """Have the store refuse what does not pass; {} and it takes all."""
    with collection(pipeline) as events:
        events.database.command("collMod", events.name, validator=validator)


@contextmanager
def collection(pipeline: Pipeline) -> Iterator[Collection[dict[str, object]]]:
    """Where the events are, made if it is not there yet."""
    environment = pipeline.environment
    with pymongo.MongoClient[dict[str, object]](environment["MONGODB_URL"]) as mongo:
        database = mongo[environment["DB_NAME"]]
        if "events" not in database.list_collection_names():
            database.create_collection("events")
        yield database["events"]


def all_letters(client: Client) -> list[DeadLetter]:
    page = client.dead_letters(limit=PAGE)
    letters = page.dead_letters
    while page.after:
        page = client.dead_letters(page.after, PAGE)
        letters += page.dead_letters
    return letters


def ids_in(client: Client, letter: DeadLetter) -> list[str]:
    """The ids of the events that a letter holds: one, or a message of them."""
    payload = msgspec.json.decode(client.dead_letter(letter.id).payload)
    return [event["_id"] for event in (payload if isinstance(payload, list) else [payload])]


def dead_ids(client: Client) -> list[str]:
    """Those of all letters, in the order in which they died."""
    return [id for letter in all_letters(client) for id in ids_in(client, letter)]
