"""Events as MongoDB documents, and documents as JSON."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import bson
import msgspec
from bson import CodecOptions, DatetimeConversion, DatetimeMS, Int64, ObjectId, UuidRepresentation
from bson.dbref import DBRef
from bson.errors import InvalidDocument, InvalidStringData
from bson.raw_bson import RawBSONDocument

from coinslot.events import RECEIVED_AT, BadEvent, Dead, Event
from coinslot.store.mongodb_faults import one_line

MAX_DOCUMENT_BYTES = 16 * 1024 * 1024  # MongoDB's own limit

# As many as an array names by one digit, so that a header there is as long as the next. One by one takes a fifth more,
# for a call costs as much as a third of an event; of a whole batch the objects would leave the core's cache.
AT_ONCE = 10
ARRAY_AT, ELEMENT_HEADER_BYTES = 10, 3

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


# What encoding raises for a document that has no form in BSON.
UNENCODABLE = (BadEvent, InvalidDocument, InvalidStringData, OverflowError, UnicodeError, RecursionError)


def to_documents(events: Sequence[Event]) -> list[RawBSONDocument | Dead]:
    """Each event in BSON with the time at which it was received, or why it has no such form."""
    documents: list[RawBSONDocument | Dead] = []
    for at in range(0, len(events), AT_ONCE):
        few = events[at : at + AT_ONCE]
        try:
            array = bson.encode({"": list(map(_to_fields, few))})
        except UNENCODABLE:
            array = b""
        # One of them has no such form, or may be too large: which?
        suspect = not 0 < len(array) <= MAX_DOCUMENT_BYTES
        documents += map(_to_document, few) if suspect else _elements(array)
    return documents


def _elements(document: bytes) -> list[RawBSONDocument]:
    """Of the array that is all of this document."""
    at, end, documents = ARRAY_AT, len(document) - 2, []
    while at < end:
        at += ELEMENT_HEADER_BYTES
        size = _length(document, at)[0]
        documents.append(RawBSONDocument(document[at : at + size]))
        at += size
    return documents


def _to_document(event: Event) -> RawBSONDocument | Dead:
    try:
        document = bson.encode(_to_fields(event))
    except UNENCODABLE as error:
        return Dead(one_line(error))
    if len(document) > MAX_DOCUMENT_BYTES:
        return Dead(f"{len(document)} bytes in BSON; MongoDB's limit is {MAX_DOCUMENT_BYTES}")
    return RawBSONDocument(document)


def _to_fields(event: Event) -> dict[str, Any]:
    fields = event.fields
    if event.received_at_ms is not None:
        fields[RECEIVED_AT] = _moment(event.received_at_ms)
    return fields


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
_moment = lru_cache(maxsize=16)(DatetimeMS)  # the events of a commit were received at one time
