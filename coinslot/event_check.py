"""The check that lets an event in.

Whatever could fail later must fail here, so that an event that was accepted can be stored by every store.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bson
from bson.errors import InvalidDocument

from coinslot.events import (
    MAX_DEPTH,
    MAX_ID_CHARACTERS,
    NUMBERS,
    RECEIVED_AT,
    BadEvent,
    EventTooLarge,
    decode,
)
from coinslot.mint import Mint

_LINE_BREAKS = bytes.maketrans(b"\r\n", b"  ")
# What an event looks like from afar: its digits, where something opens, and where lines end.
_OUTLINE = bytes.maketrans(b"123456789{\r", b"000000000[\n")
_LONG_NUMBER = b"0" * 19  # of fewer digits, every integer fits in 64 bits
_NUL = b"\\u0000"  # no other way to write one
_BACKSLASH, _OPENING, _LINE_END = b"\\[\n"  # single bytes are found ten times as fast as numbers

# An event that has passed the check: its `_id`, and one JSON object in UTF-8 without line breaks, as posted (an `_id`
# put first where the client sent none). A plain tuple: it is unpacked at once.
Admitted = tuple[str, bytes]


class EventCheck:
    """The check at the door: the raw bytes of one JSON value in, an event that can be stored out.

    Raises BadEvent with a reason made for the client, who may see no more of it than that.
    """

    def __init__(self, max_bytes: int, mint: Callable[[], str] | None = None) -> None:
        self._max_bytes = max_bytes
        self._mint = mint or Mint()

    def __call__(self, raw: bytes) -> Admitted:
        fields = decode_object(raw, self._max_bytes)
        if RECEIVED_AT in fields:
            raise BadEvent(f"{RECEIVED_AT} is a name that Coinslot keeps for itself")
        if type(fields.get("timestamp")) not in NUMBERS:
            raise BadEvent("timestamp is not a number" if "timestamp" in fields else "timestamp is missing")
        raw = storable(raw, fields)
        if "_id" in fields:
            _check_id(fields["_id"])
            return fields["_id"], raw
        id = self._mint()
        return id, b"".join((b'{"_id":"', id.encode(), b'",', raw[raw.index(b"{") + 1 :]))


def decode_object(raw: bytes, max_bytes: int) -> dict[str, Any]:
    """The fields of a JSON object; raises BadEvent for anything else, and EventTooLarge."""
    if len(raw) > max_bytes:
        raise EventTooLarge(f"event of {len(raw)} bytes; the limit is {max_bytes}")
    fields = decode(raw)
    if type(fields) is not dict:
        raise BadEvent("event is not a JSON object")
    return fields


def storable(raw: bytes, fields: dict[str, Any]) -> bytes:
    """`raw` without line breaks; raises BadEvent where `fields`, the same decoded, fit in no store."""
    outline = raw.translate(_OUTLINE)
    if outline.count(_OPENING) > MAX_DEPTH:
        _check_depth(fields)
    if _LONG_NUMBER in outline or (_BACKSLASH in raw and _NUL in raw):
        _check_storable(fields)
    if _LINE_END in outline:  # outside of strings, where JSON allows none, they are mere white space
        raw = raw.translate(_LINE_BREAKS)
    return raw


def _check_id(id: object) -> None:
    if not isinstance(id, str) or not 1 <= len(id) <= MAX_ID_CHARACTERS:
        raise BadEvent(f"_id is not a string of 1 to {MAX_ID_CHARACTERS} characters")


def _check_depth(fields: dict[str, Any]) -> None:
    level: list[Any] = [fields]
    for _ in range(MAX_DEPTH):
        level = [child for value in level for child in _children(value)]
        if not level:
            return
    raise BadEvent(f"nested deeper than {MAX_DEPTH}")


def _children(value: dict[str, Any] | list[Any]) -> list[Any]:
    values = value.values() if isinstance(value, dict) else value
    return [child for child in values if isinstance(child, dict | list)]


def _check_storable(fields: dict[str, Any]) -> None:
    """Of decoded JSON, only integers beyond 64 bits and names with a NUL have no form in BSON."""
    try:
        bson.encode(fields)
    except OverflowError:
        raise BadEvent("an integer does not fit in 64 bits") from None
    except InvalidDocument as error:
        raise BadEvent(str(error).removeprefix("Invalid document: ")) from None
