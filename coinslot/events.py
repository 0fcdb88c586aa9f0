"""The event: a JSON object with a numeric `timestamp`, and the check that lets it in.

Whatever could fail later must fail here, so that an event that was accepted can be stored by every store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import bson
import msgspec
from bson.errors import InvalidDocument

from coinslot.errors import CoinslotError
from coinslot.mint import Mint

MAX_DEPTH = 100  # MongoDB's own limit for nested documents
MAX_ID_CHARACTERS = 128
MIN_INT, MAX_INT = -(2**63), 2**63 - 1  # no event has an int beyond, and no store takes one
RECEIVED_AT = "_coinslot_received_at"  # where a store notes that beside an event's own fields

NUMBERS = (int, float)  # to be asked by type(): a bool is an int to isinstance

_decode = msgspec.json.Decoder().decode
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode
_LINE_BREAKS = bytes.maketrans(b"\r\n", b"  ")
# What an event looks like from afar: its digits, where something opens, and where lines end.
_OUTLINE = bytes.maketrans(b"123456789{\r", b"000000000[\n")
_LONG_NUMBER = b"0" * 19  # of fewer digits, every integer fits in 64 bits
_NUL = b"\\u0000"  # no other way to write one
_BACKSLASH, _OPENING, _LINE_END = b"\\[\n"  # single bytes are found ten times as fast as numbers


NEVER_LET_IN = "not an event that was let in"


class BadEvent(CoinslotError):
    """The event cannot be accepted."""


class EventTooLarge(BadEvent):
    """The event is larger than an event may be."""


class TooManyEvents(BadEvent):
    """There are more events than may come together."""

    def __init__(self, events: int, max_events: int) -> None:
        super().__init__(f"{events} events in one request; the limit is {max_events}")


class Event(msgspec.Struct, frozen=True, gc=False):
    """An event that was let in.

    `raw` is one JSON object in UTF-8 without line breaks, as posted (an `_id` put first where the client sent none).
    `received_at_ms` is when it was accepted, in ms since 1970; None before it was, and where nobody knows.
    """

    raw: bytes
    received_at_ms: int | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """Decoded, each time anew: of a whole batch, what is decoded is more than a core's cache holds.

        `_id` is a str of 1 to 128 characters and `timestamp` a finite int or float. Raises BadEvent if the event
        plainly was never let in.
        """
        fields = decode(self.raw)
        if type(fields) is not dict or "_id" not in fields or "timestamp" not in fields:
            raise BadEvent(NEVER_LET_IN)
        return fields

    @property
    def id(self) -> str:
        return str(self.fields["_id"])


class _Outline(msgspec.Struct):
    id: str = msgspec.field(name="_id")
    timestamp: int | float


_glance = msgspec.json.Decoder(list[_Outline]).decode


@dataclass(frozen=True, slots=True)
class Dead:
    """The outcome of an event that can never be stored, with the reason."""

    reason: str


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


def decode(raw: bytes) -> Any:
    """The value of a JSON text; raises BadEvent saying what is wrong and, if the parser knows, at which byte."""
    try:
        return _decode(raw)
    except msgspec.MsgspecError as error:
        raise BadEvent(str(error)) from None
    except UnicodeDecodeError as error:
        raise BadEvent(f"text is not UTF-8: {error.reason}") from None
    except RecursionError:
        raise BadEvent(f"nested deeper than {MAX_DEPTH}") from None


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


def split(array: bytes, max_elements: int | None = None) -> list[bytes]:
    """The elements of a JSON array, each as the bytes it came in, unchecked; raises BadEvent."""
    try:
        elements = _split(array)
        if max_elements is not None and len(elements) > max_elements:
            raise TooManyEvents(len(elements), max_elements)
        return [bytes(element) for element in elements]
    except msgspec.MsgspecError as error:
        raise BadEvent(str(error)) from None
    except RecursionError:
        raise BadEvent(f"nested deeper than {MAX_DEPTH}") from None


def trusted(array: bytes, received_at_ms: int | None = None) -> list[Event]:
    """The Events of a JSON array of what has passed the check before; raises BadEvent if it is no array."""
    return list(map(Event, split(array), repeat(received_at_ms)))


def glance(array: bytes) -> None:
    """Raises BadEvent if any element of a JSON array plainly has never passed the check."""
    try:
        _glance(array)
    except (msgspec.MsgspecError, RecursionError):
        raise BadEvent(NEVER_LET_IN) from None


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
