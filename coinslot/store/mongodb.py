"""MongoDB: events as posted, in the collection `events`, read through the index (timestamp, _id)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, cast

import bson
import pymongo
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING, DESCENDING, MongoClient, WriteConcern
from pymongo.errors import BulkWriteError, OperationFailure, PyMongoError

from coinslot.errors import SettingsError
from coinslot.events import Dead, Event
from coinslot.store.mongodb_documents import READABLE, keys, to_document, to_json
from coinslot.store.mongodb_faults import UNREADABLE, outcome, unavailable, unstorable
from coinslot.store.mongodb_total import Total
from coinslot.store.primed import primed
from coinslot.store.protocol import STORED, Cursor, Number, Outcome

INDEX = [("timestamp", ASCENDING), ("_id", ASCENDING)]
FIND_BATCH_EVENTS = 500  # left to itself MongoDB answers 16 MiB at a time: too much for a hundred readers

SERVER_SELECTION_TIMEOUT_MS = 2_000
CONNECT_TIMEOUT_MS = 2_000
POOL_TIMEOUT_MS = 2_000
MAJORITY_TIMEOUT_MS = 8_000  # below the socket's, so that MongoDB itself gets to say what it waits for
SOCKET_TIMEOUT_MS = 10_000
PING_TIMEOUT_S = 2.0


class MongoStore:
    """Events in a MongoDB. It may be away: each call waits some seconds at most, then raises StoreUnavailable."""

    def __init__(self, url: str, db_name: str) -> None:
        try:
            self._client: MongoClient[dict[str, Any]] = MongoClient(
                url,
                connect=False,
                appname="coinslot",
                serverSelectionTimeoutMS=SERVER_SELECTION_TIMEOUT_MS,
                connectTimeoutMS=CONNECT_TIMEOUT_MS,
                waitQueueTimeoutMS=POOL_TIMEOUT_MS,
                socketTimeoutMS=SOCKET_TIMEOUT_MS,
            )
            self._events = self._client[db_name].get_collection(
                "events", READABLE, write_concern=WriteConcern("majority", MAJORITY_TIMEOUT_MS, j=True)
            )
        except (PyMongoError, ValueError) as error:
            raise SettingsError(f"MONGODB_URL or DB_NAME: {error}") from error
        self._total = Total(self._events)
        self._indexed = False

    def insert(self, events: Sequence[Event]) -> list[Outcome]:
        encoded = [to_document(event) for event in events]
        with self._reachable():
            written = iter(self._write([document for document in encoded if not isinstance(document, Dead)]))
        return [document if isinstance(document, Dead) else next(written) for document in encoded]

    def find(
        self,
        start: Number | None = None,
        end: Number | None = None,
        *,
        after: Cursor | None = None,
        limit: int | None = None,
        descending: bool = False,
    ) -> Iterator[bytes]:
        query = _within(start, end)
        if after is not None:
            query["$or"] = _beyond(after, "$lt" if descending else "$gt")
        events = self._stream(query, limit or 0, DESCENDING if descending else ASCENDING)
        return primed(islice(events, limit))  # islice, because MongoDB takes a limit of 0 for none

    def get(self, id: str) -> bytes | None:
        with self._reachable():
            for key in keys(id):
                document = self._events.find_one({"_id": {"$eq": key}})
                if document is not None:
                    return to_json(document)
        return None

    def count(self, start: Number | None = None, end: Number | None = None) -> int:
        query = _within(start, end)
        with self._reachable():
            if query:
                return self._events.count_documents(query, hint=INDEX)
            return self._total()

    def ping(self) -> None:
        with self._reachable(), pymongo.timeout(PING_TIMEOUT_S):
            self._events.database.command("ping")

    def close(self) -> None:
        self._client.close()

    def _write(self, documents: list[RawBSONDocument]) -> list[Outcome]:
        outcomes: list[Outcome] = [STORED] * len(documents)
        try:
            if documents:
                self._events.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            if error.details["writeConcernErrors"]:
                raise unavailable(error.details["writeConcernErrors"][0]["errmsg"]) from error
            for fault in error.details["writeErrors"]:
                outcomes[fault["index"]] = outcome(fault)
        except OperationFailure as error:
            if error.code not in UNREADABLE:
                raise
            if len(documents) == 1:
                return [Dead(unstorable(error.code))]
            middle = len(documents) // 2
            return self._write(documents[:middle]) + self._write(documents[middle:])
        return outcomes

    def _stream(self, query: dict[str, Any], limit: int, direction: int) -> Iterator[bytes]:
        order = [(field, direction) for field, _ in INDEX]
        with (
            self._reachable(),
            self._events.find_raw_batches(
                query, sort=order, hint=INDEX, limit=limit, batch_size=FIND_BATCH_EVENTS
            ) as batches,
        ):
            for batch in batches:
                # pymongo's type hints take a raw batch for a document
                for document in bson.decode_iter(cast(bytes, batch), READABLE):
                    yield to_json(document)

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        """See to the index, then let the body speak to MongoDB; whatever goes wrong is StoreUnavailable."""
        try:
            if not self._indexed:
                self._events.create_index(INDEX)
                self._indexed = True
            yield
        except (PyMongoError, BSONError) as error:
            self._indexed = False  # what failed may be another MongoDB by now, or a dropped database
            raise unavailable(error) from error


def _within(start: Number | None, end: Number | None) -> dict[str, Any]:
    bounds = {"$gte": start, "$lte": end}
    given = {operator: bound for operator, bound in bounds.items() if bound is not None}
    return {"timestamp": given} if given else {}


def _beyond(after: Cursor, operator: str) -> list[dict[str, Any]]:
    """The branches of an `$or`; MongoDB merges them in index order and reads nothing before the cursor."""
    same_moment = [{"timestamp": {"$eq": after.timestamp}, "_id": {operator: key}} for key in keys(after.id)]
    return [{"timestamp": {operator: after.timestamp}}, *same_moment]
