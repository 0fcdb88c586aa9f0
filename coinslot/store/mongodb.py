"""MongoDB: events as posted, in the collection `events`, read through the index (timestamp, _id).

A document is the event, and when it was received, as a date, in a field that no event may have (RECEIVED_AT).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Any, cast

import pymongo
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING, DESCENDING, CursorType, MongoClient, WriteConcern
from pymongo.errors import BulkWriteError, OperationFailure, PyMongoError

from coinslot.errors import SettingsError
from coinslot.events import Dead, Event
from coinslot.match import Match
from coinslot.store import mongodb_erasing, mongodb_expiry
from coinslot.store.erasing import Found
from coinslot.store.mongodb_documents import (
    READABLE,
    keys,
    to_documents,
    to_json,
    to_lines,
)
from coinslot.store.mongodb_faults import UNREADABLE, outcome, unavailable, unstorable
from coinslot.store.mongodb_place import MongoPlace
from coinslot.store.mongodb_queries import INDEX, beyond, within
from coinslot.store.mongodb_total import Total
from coinslot.store.patience import STORING, Patience
from coinslot.store.primed import primed
from coinslot.store.protocol import STORED, Cursor, Number, Outcome

FIND_BATCH_EVENTS = 500  # left to itself MongoDB answers 16 MiB at a time: too much for a hundred readers
STREAMS = 8  # at once: each has a connection to itself, with up to 10 MB in it where its reader is slow

POOL_TIMEOUT_MS = 2_000
MAJORITY_TIMEOUT_MS = 8_000  # below the socket's, so that MongoDB itself gets to say what it waits for
SOCKET_TIMEOUT_MS = 10_000
PING_TIMEOUT_S = 2.0

DURABLE = WriteConcern("majority", MAJORITY_TIMEOUT_MS, j=True)


class MongoStore:
    """Events in a MongoDB. It may be away: each call waits some seconds at most, then raises StoreUnavailable."""

    def __init__(self, url: str, db_name: str, patience: Patience = STORING) -> None:
        try:
            self._client: MongoClient[dict[str, Any]] = MongoClient(
                url,
                connect=False,
                appname="coinslot",
                heartbeatFrequencyMS=patience.heartbeat_ms,
                serverMonitoringMode=patience.monitoring,
                connectTimeoutMS=patience.connect_ms,
                serverSelectionTimeoutMS=patience.selection_ms,
                waitQueueTimeoutMS=POOL_TIMEOUT_MS,
                socketTimeoutMS=SOCKET_TIMEOUT_MS,
            )
            self._events = self._client[db_name].get_collection("events", READABLE, write_concern=DURABLE)
        except (PyMongoError, ValueError) as error:
            raise SettingsError(f"MONGODB_URL or DB_NAME: {error}") from error
        self._total = Total(self._events)
        self._indexed = False
        self._streams = BoundedSemaphore(STREAMS)

    def insert(self, events: Sequence[Event]) -> list[Outcome]:
        with self._reachable():
            encoded = to_documents(events)
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
        query = within(start, end)
        if after is not None:
            query["$or"] = beyond(after, "$lt" if descending else "$gt")
        if limit == 0:  # which MongoDB takes for none
            return iter(())
        return primed(self._stream(query, limit or 0, DESCENDING if descending else ASCENDING))

    def get(self, id: str) -> bytes | None:
        with self._reachable():
            for key in keys(id):
                document = self._events.find_one({"_id": {"$eq": key}})
                if document is not None:
                    return to_json(document)
        return None

    def count(self, start: Number | None = None, end: Number | None = None) -> int:
        query = within(start, end)
        with self._reachable():
            if query:
                return self._events.count_documents(query, hint=INDEX)
            return self._total()

    def matching(self, match: Match, after: str) -> Found:
        with self._reachable():
            return mongodb_erasing.matching(self._events, match, after)

    def remove(self, match: Match, hits: Sequence[Any]) -> int:
        with self._reachable():
            removed = mongodb_erasing.remove(self._events, match, hits)
        self._total.doubt()
        return removed

    def expire(self, after_days: int) -> int:
        with self._asking():  # which makes nothing where nothing is to be kept short
            mongodb_expiry.expire(self._events, after_days)
        return 0

    def place(self) -> MongoPlace:
        return MongoPlace(self._events.database, DURABLE)

    def ping(self) -> None:
        with self._reachable(), pymongo.timeout(PING_TIMEOUT_S):
            self._events.database.command("ping")

    def close(self) -> None:
        self._client.close()

    def _write(self, documents: Sequence[RawBSONDocument]) -> list[Outcome]:
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
            self._cursor_type(limit) as cursor_type,
            self._events.find_raw_batches(
                query,
                cursor_type=cursor_type,
                sort=order,
                hint=INDEX,
                limit=limit,
                batch_size=FIND_BATCH_EVENTS,
            ) as batches,
        ):
            for batch in batches:
                yield from to_lines(cast(bytes, batch))  # pymongo's type hints take a raw batch for a document

    @contextmanager
    def _cursor_type(self, limit: int) -> Iterator[int]:
        """That of a cursor which the body reads.

        Unasked, MongoDB reads on while what it sent is being turned into JSON, as far as the connection has room.
        """
        streams = not limit and not self._client.is_mongos and self._streams.acquire(blocking=False)
        try:
            yield CursorType.EXHAUST if streams else CursorType.NON_TAILABLE
        finally:
            if streams:
                self._streams.release()

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        """See to the index, then let the body speak to MongoDB; whatever goes wrong is StoreUnavailable."""
        with self._asking():
            if not self._indexed:
                self._events.create_index(INDEX)
                self._indexed = True
            yield

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except (PyMongoError, BSONError) as error:
            self._indexed = False  # what failed may be another MongoDB by now, or a dropped database
            raise unavailable(error) from error
