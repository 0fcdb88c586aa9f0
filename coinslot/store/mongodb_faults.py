"""What MongoDB's write errors say: is it the document's own fault, or trouble that passes?

Only the codes listed here are the document's fault. Every other (a full disk, no primary, a code that is new to
us) is taken for trouble that passes, because the mistake is cheaper that way round: an event is tried again, where
otherwise a full disk would empty the queue into dead letters.
Codes: https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
"""

from __future__ import annotations

from typing import Any

from coinslot.errors import StoreUnavailable
from coinslot.events import Dead
from coinslot.store.protocol import DUPLICATE, Outcome

MAX_REASON_CHARACTERS = 300

DUPLICATE_KEY = 11000
BAD_VALUE = 2  # "object to insert too large"
OVERFLOW = 15  # nested too deep
INVALID_BSON = 22
DOLLAR_PREFIXED_FIELD_NAME = 52
INVALID_ID_FIELD = 53
DOCUMENT_VALIDATION_FAILURE = 121  # against a schema that the operator gave the collection
BSON_OBJECT_TOO_LARGE = 10334

# With these MongoDB refuses the whole message, for the sake of one document in it. BadValue is not among them:
# as the answer to a whole command it speaks of the command, such as a write concern that cannot be had.
UNREADABLE = frozenset({OVERFLOW, INVALID_BSON, BSON_OBJECT_TOO_LARGE})
# A duplicate key counts as a fault where the unique index is not that of `_id`: the operator made it to keep such out.
UNSTORABLE = UNREADABLE | {
    DUPLICATE_KEY,
    BAD_VALUE,
    DOLLAR_PREFIXED_FIELD_NAME,
    INVALID_ID_FIELD,
    DOCUMENT_VALIDATION_FAILURE,
}


def outcome(fault: dict[str, Any]) -> Outcome:
    """What became of the document of this write error; raises StoreUnavailable if that is not certain."""
    if fault["code"] == DUPLICATE_KEY and fault.get("keyPattern") == {"_id": 1}:
        return DUPLICATE
    if fault["code"] in UNSTORABLE:
        return Dead(one_line(fault["errmsg"]))
    raise unavailable(fault["errmsg"])


def unavailable(reason: object) -> StoreUnavailable:
    return StoreUnavailable(f"MongoDB: {one_line(reason)}")


def one_line(reason: object) -> str:
    """The reason, fit for a log line or a dead letter: pymongo's go on to quote whole answers and topologies."""
    text = str(reason)
    for quotation in (", full error: ", ", Topology Description: "):
        text = text.partition(quotation)[0]
    return " ".join(text.split())[:MAX_REASON_CHARACTERS]
