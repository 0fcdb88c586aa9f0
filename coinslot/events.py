"""The event: a JSON object with a numeric `timestamp`. What lets it in is coinslot/event_check.py."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat
from typing import Any

import msgspec

from coinslot.errors import CoinslotError

MAX_DEPTH = 100  # MongoDB's own limit for nested documents
MAX_ID_CHARACTERS = 128
MIN_INT, MAX_INT = -(2**63), 2**63 - 1  # no event has an int beyond, and no store takes one
RECEIVED_AT = "_coinslot_received_at"  # where a store notes that beside an event's own fields

NUMBERS = (int, float)  # to be asked by type(): a bool is an int to isinstance

_decode = msgspec.json.Decoder().decode
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode


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
