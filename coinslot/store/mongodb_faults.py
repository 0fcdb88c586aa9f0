"""What MongoDB's write errors say: is it the document's own fault, or trouble that passes?

Only the codes listed here are the document's fault. Every other (a full disk, no primary, a code that is new to
us) is taken for trouble that passes, because the mistake is cheaper that way round: an event is tried again, where
otherwise a full disk would empty the queue into dead letters.

What MongoDB says of a document may quote it (the value of a key that is there twice, the name of a field, the first
element), and reasons are logged. So a document's fault is told in words of ours.
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
UNREADABLE = {
    OVERFLOW: "nested deeper than MongoDB takes",
    INVALID_BSON: "not BSON as MongoDB reads it",
    BSON_OBJECT_TOO_LARGE: "larger than MongoDB takes",
}
# A duplicate key counts as a fault where the unique index is not that of `_id`: the operator made it to keep such out.
UNSTORABLE = UNREADABLE | {
    DUPLICATE_KEY: "a unique index has its value already",
    BAD_VALUE: "it holds, or is, what MongoDB does not take (BadValue)",
    DOLLAR_PREFIXED_FIELD_NAME: "a field's name begins with a dollar sign",
    INVALID_ID_FIELD: "MongoDB does not take its _id",
    DOCUMENT_VALIDATION_FAILURE: "the collection's validator refuses it",
}


def outcome(fault: dict[str, Any]) -> Outcome:
    """What became of the document of this write error; raises StoreUnavailable if that is not certain."""
    if fault["code"] == DUPLICATE_KEY and fault.get("keyPattern") == {"_id": 1}:
        return DUPLICATE
    if fault["code"] in UNSTORABLE:
        return Dead(unstorable(fault["code"]))
    raise unavailable(f"a document was not written, with error code {fault['code']}")


def unstorable(code: int) -> str:
    """Why the document can never be stored."""
    return f"{UNSTORABLE[code]} (MongoDB's error {code})"


def unavailable(reason: object) -> StoreUnavailable:
    return StoreUnavailable(f"MongoDB: {one_line(reason)}")


def one_line(reason: object) -> str:
    """The reason, fit for a log line or a dead letter: some go on to quote whole commands, answers and topologies."""
    text = str(reason)
    for quotation in (" to execute command ", ", full error: ", ", Topology Description: ", " (configured timeouts: "):
        text = text.partition(quotation)[0]
    return " ".join(text.split())[:MAX_REASON_CHARACTERS]
