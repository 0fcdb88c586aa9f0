"""Events as MongoDB documents, and documents as JSON."""

from __future__ import annotations

from typing import Any

import bson
import msgspec
from bson import CodecOptions, DatetimeConversion, DatetimeMS, Int64, ObjectId, UuidRepresentation
from bson.dbref import DBRef
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument

from coinslot.events import RECEIVED_AT, Dead, Event
from coinslot.store.mongodb_faults import one_line

MAX_DOCUMENT_BYTES = 16 * 1024 * 1024  # MongoDB's own limit

# A database that other software filled may hold what no event of ours does: read it rather than fail.
READABLE: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True,
    uuid_representation=UuidRepresentation.STANDARD,
    unicode_decode_error_handler="replace",
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)


def to_document(event: Event) -> RawBSONDocument | Dead:
    """The event in BSON with the time at which it was received, or why it has no such form.

    Done for each event rather than by insert_many, which stops at the first it cannot encode, does not say
    which that was, and may have sent some of the others by then.
    """
    at_ms = event.received_at_ms
    fields = event.fields if at_ms is None else {**event.fields, RECEIVED_AT: DatetimeMS(at_ms)}
    try:
        document = bson.encode(fields)
    except (BSONError, OverflowError, UnicodeError, RecursionError) as error:
        return Dead(one_line(error))
    if len(document) > MAX_DOCUMENT_BYTES:
        return Dead(f"{len(document)} bytes in BSON; MongoDB's limit is {MAX_DOCUMENT_BYTES}")
    return RawBSONDocument(document)


def to_json(document: dict[str, Any]) -> bytes:
    """The event in the document as one line of JSON. What JSON has no word for becomes a string; NaN becomes null."""
    document.pop(RECEIVED_AT, None)
    return _json.encode(document)


def keys(id: str) -> list[str | ObjectId]:
    """The `_id`s that to_json writes as `id`: other software often left `_id` to MongoDB, which makes ObjectIds."""
    return [id, ObjectId(id)] if ObjectId.is_valid(id) else [id]


def _plain(value: object) -> object:
    if isinstance(value, DBRef):  # bson takes any object with $ref and $id for one
        return value.as_doc()
    return int(value) if isinstance(value, Int64) else str(value)


_json = msgspec.json.Encoder(enc_hook=_plain)
