"""Events as MongoDB documents, and documents as JSON."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from datetime import datetime
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

# Decoded at once. As Python's objects it is ten times as much, and beyond a core's cache all becomes slower; nor
# would the garbage collector see that these objects are few.
PART_BYTES = 16 * 1024

# A database that other software filled may hold what no event of ours does: read it rather than fail. A date is left
# to _plain: each event has one, RECEIVED_AT, which nobody reads.
READABLE: CodecOptions[dict[str, Any]] = CodecOptions(
    uuid_representation=UuidRepresentation.STANDARD,
    unicode_decode_error_handler="replace",
    datetime_conversion=DatetimeConversion.DATETIME_MS,
)
DATE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO)


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


def to_lines(batch: bytes) -> Iterator[bytes]:
    """What to_json makes of the documents in the batch, one behind the other as MongoDB sends them: chunks of lines."""
    for part in _parts(batch):
        documents = bson.decode_all(part, READABLE)
        for document in documents:
            document.pop(RECEIVED_AT, None)
        yield _json.encode_lines(documents)


def _parts(batch: bytes) -> Iterator[bytes]:
    """The batch in parts of whole documents."""
    start = at = 0
    while start < len(batch):
        end = min(start + PART_BYTES, len(batch))
        while at < end:
            at += _length(batch, at)[0]
        yield batch[start:at]
        start = at


def keys(id: str) -> list[str | ObjectId]:
    """The `_id`s that to_json writes as `id`: other software often left `_id` to MongoDB, which makes ObjectIds."""
    return [id, ObjectId(id)] if ObjectId.is_valid(id) else [id]


def _plain(value: object) -> object:
    return _PLAIN.get(type(value), str)(value)


def _date(value: DatetimeMS) -> object:
    date: object = value.as_datetime(DATE)
    return date if isinstance(date, datetime) else str(date)  # of a year beyond 9999


_PLAIN: dict[type, Callable[[Any], object]] = {
    Int64: int,
    DatetimeMS: _date,
    DBRef: DBRef.as_doc,  # bson takes any object with $ref and $id for one
}
_json = msgspec.json.Encoder(enc_hook=_plain)
_length = struct.Struct("<i").unpack_from  # a document begins with it
