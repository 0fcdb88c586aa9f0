"""Looking for the documents that an erasure means, and removing them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from time import monotonic
from typing import Any

from pymongo.collection import Collection

from coinslot.match import Match
from coinslot.store import place
from coinslot.store.erasing import Found
from coinslot.store.mongodb_documents import keys
from coinslot.store.mongodb_queries import INDEX, beyond, within
from coinslot.store.protocol import Cursor

LOOK_EVENTS, LOOK_S = 5000, 0.5  # read in a step, at most
LOOK_BATCH_EVENTS = 500  # an answer of MongoDB's: small, lest large events make it slow

Events = Collection[dict[str, Any]]


def matching(events: Events, match: Match, after: str) -> Found:
    """A step along the index (timestamp, _id). Raises pymongo's errors, and BadCursor.

    MongoDB picks the events only where it has an index on the field: without one it would read on until it has found
    something, for as long as that takes. There they are read as they come, for a bounded time, and picked here.
    """
    query: dict[str, Any] = {"$or": beyond(place.read(after), "$gt")} if after else within(-math.inf, None)
    indexed = _has_index(events, match.field)
    if indexed:
        query = {"$and": [query, _meaning(match)]}
    documents, more = _read(events, match, query, hint=None if indexed else INDEX)
    hits = [document["_id"] for document in documents if indexed or match(document)]
    return Found(hits, len(hits), _place(documents[-1]) if more else None)


def _read(
    events: Events, match: Match, query: dict[str, Any], hint: list[tuple[str, int]] | None
) -> tuple[list[dict[str, Any]], bool]:
    """Documents in order, as far as they are looked at; and whether there may be more."""
    until = monotonic() + LOOK_S
    documents: list[dict[str, Any]] = []
    looked_at = dict.fromkeys(("_id", "timestamp", match.field.partition(".")[0]), 1)
    with events.find(query, looked_at, sort=INDEX, hint=hint, batch_size=LOOK_BATCH_EVENTS) as cursor:
        for document in cursor:
            documents.append(document)
            if len(documents) == LOOK_EVENTS or monotonic() >= until:
                return documents, True
    return documents, False


def remove(events: Events, match: Match, hits: Sequence[Any]) -> int:
    """Raises pymongo's errors."""
    return events.delete_many({"$and": [{"_id": {"$in": list(hits)}}, _meaning(match)]}).deleted_count


def _meaning(match: Match) -> dict[str, Any]:
    """As a filter of MongoDB's. The names of the field hold no `$`, and the value is no object (coinslot/match.py)."""
    if match.field == "_id" and isinstance(match.value, str):
        return {"_id": {"$in": keys(match.value)}}
    return {match.field: {"$eq": match.value}}


def _has_index(events: Events, field: str) -> bool:
    indexes = events.index_information().values()
    return any(index["key"][0][0] == field and "partialFilterExpression" not in index for index in indexes)


def _place(document: dict[str, Any]) -> str:
    timestamp = document["timestamp"]
    plain = int(timestamp) if isinstance(timestamp, int) else timestamp  # it may be bson's Int64
    return place.write(Cursor(plain, str(document["_id"])))
