"""A place in the order of all events, as text that goes out to clients and comes back."""

from __future__ import annotations

import base64
from typing import Annotated

import msgspec

from coinslot.errors import BadCursor
from coinslot.events import MAX_INT, MIN_INT
from coinslot.store.protocol import Cursor

_decode = msgspec.json.Decoder(tuple[Annotated[int, msgspec.Meta(ge=MIN_INT, le=MAX_INT)] | float, str]).decode


def write(place: Cursor) -> str:
    """Text of letters, digits, - and _."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def read(text: str) -> Cursor:
    """The reverse of `write`; raises BadCursor."""
    try:
        padded = text.encode() + b"=" * (-len(text) % 4)
        return Cursor(*_decode(base64.b64decode(padded, altchars=b"-_", validate=True)))
    except (ValueError, RecursionError):  # binascii's, msgspec's and unicode's errors are ValueErrors
        raise BadCursor(f"{text[:40]!r} is not a place among the events") from None
