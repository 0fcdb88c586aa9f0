"""What a client may ask for in a query string. Anything else in it is passed over, and never reaches a database."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from coinslot.errors import BadCursor, CoinslotError
from coinslot.events import MAX_INT, MIN_INT
from coinslot.keys import ANALYTICS, EVENTS
from coinslot.store import Cursor, place

MAX_LIMIT = 10_000
DEFAULT_NAMESPACE = "default"

Number = int | float

_WHOLE = re.compile(r"-?\d{1,20}", re.ASCII)
# float() alone would also take 1_000, spaces around it, and the digits of all scripts.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?inf(inity)?|nan", re.ASCII | re.IGNORECASE)


class BadQuery(CoinslotError):
    """The query string is not understood."""


@dataclass(frozen=True, slots=True)
class Range:
    """A range of events: both ends included, None for open; `limit` makes it a page."""

    start: Number | None
    end: Number | None
    after: Cursor | None
    limit: int | None
    descending: bool


def parse_queue(args: Mapping[str, str]) -> str:
    """The name of one of the queues, `queue`; that of events by default. Raises BadQuery."""
    queue = args.get("queue") or EVENTS
    if queue not in (EVENTS, ANALYTICS):
        raise BadQuery(f"queue={queue[:40]!r} is neither {EVENTS} nor {ANALYTICS}")
    return queue


def parse_range(args: Mapping[str, str]) -> Range:
    """start, end, after, limit, order. Raises BadQuery or BadCursor, naming the parameter."""
    order = args.get("order", "asc")
    if order not in ("asc", "desc"):
        raise BadQuery(f"order={order[:40]!r} is neither asc nor desc")
    after = args.get("after")
    return Range(
        start=parse_number(args, "start"),
        end=parse_number(args, "end"),
        after=parse_cursor(after) if after else None,
        limit=_parse_limit(args),
        descending=order == "desc",
    )


def parse_number(args: Mapping[str, str], name: str) -> Number | None:
    """A finite number; absent and empty are the same. Raises BadQuery."""
    text = args.get(name, "")
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise BadQuery(f"{name}={text[:40]!r} is not a number")
    # An int where it can be: a float cannot tell the nanoseconds of our days from their neighbours.
    number: Number = int(text) if _WHOLE.fullmatch(text) else float(text)
    if not math.isfinite(number):
        raise BadQuery(f"{name}={text[:40]!r} is not a finite number")
    return number if MIN_INT <= number <= MAX_INT else float(number)


def parse_namespace(args: Mapping[str, str]) -> str:
    """Of analytics; absent and empty are the default one. Any text will do: of what is not there nothing is known."""
    return args.get("namespace") or DEFAULT_NAMESPACE


def _parse_limit(args: Mapping[str, str]) -> int | None:
    limit = parse_number(args, "limit")
    if limit is None:
        return None
    if not isinstance(limit, int) or not 1 <= limit <= MAX_LIMIT:
        raise BadQuery(f"limit={args['limit'][:40]!r} is not a whole number from 1 to {MAX_LIMIT}")
    return limit


def format_cursor(event: bytes) -> str:
    """The opaque cursor of a place just beyond this event (JSON text)."""
    fields = msgspec.json.decode(event)
    return place.write(Cursor(fields["timestamp"], fields["_id"]))


def parse_cursor(text: str) -> Cursor:
    """The reverse of format_cursor; raises BadCursor."""
    try:
        return place.read(text)
    except BadCursor:
        raise BadCursor(f"after={text[:40]!r} is not a cursor of a range") from None
