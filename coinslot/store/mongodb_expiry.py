"""The rule by which MongoDB itself removes documents: a TTL index on when they were received.

MongoDB looks once a minute. The index is made when it is first wanted, changed when the setting is, and dropped when
events are to be kept for ever; a document without the date is none of its business.
"""

from __future__ import annotations

from typing import Any

from pymongo import ASCENDING
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from coinslot.events import RECEIVED_AT

NAME = "coinslot_expiry"
DAY_S = 24 * 60 * 60
INDEX_NOT_FOUND = 27  # another process has dropped it


def expire(events: Collection[dict[str, Any]], after_days: int) -> None:
    """Have the rule say so many days; 0: have no rule. Raises pymongo's errors."""
    wanted_s = after_days * DAY_S
    rule = events.index_information().get(NAME)
    if rule is None and after_days:
        events.create_index([(RECEIVED_AT, ASCENDING)], name=NAME, expireAfterSeconds=wanted_s)
    elif rule is not None and not after_days:
        _drop(events)
    elif rule is not None and rule["expireAfterSeconds"] != wanted_s:
        index = {"name": NAME, "expireAfterSeconds": wanted_s}
        events.database.command("collMod", events.name, index=index)


def _drop(events: Collection[dict[str, Any]]) -> None:
    try:
        events.drop_index(NAME)
    except OperationFailure as error:
        if error.code != INDEX_NOT_FOUND:
            raise
