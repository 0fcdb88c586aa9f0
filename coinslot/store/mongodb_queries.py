"""The index through which events are read, and the filters that it answers."""

from __future__ import annotations

from typing import Any

from pymongo import ASCENDING

from coinslot.store.mongodb_documents import keys
from coinslot.store.protocol import Cursor, Number

INDEX = [("timestamp", ASCENDING), ("_id", ASCENDING)]


def within(start: Number | None, end: Number | None) -> dict[str, Any]:
    bounds = {"$gte": start, "$lte": end}
    given = {operator: bound for operator, bound in bounds.items() if bound is not None}
    return {"timestamp": given} if given else {}


def beyond(after: Cursor, operator: str) -> list[dict[str, Any]]:
    """The branches of an `$or`; MongoDB merges them in index order and reads nothing before the cursor."""
    same_moment = [{"timestamp": {"$eq": after.timestamp}, "_id": {operator: key}} for key in keys(after.id)]
    return [{"timestamp": {operator: after.timestamp}}, *same_moment]
