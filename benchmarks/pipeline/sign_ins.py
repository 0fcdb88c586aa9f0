"""Sign-ins, the typical event, by number: 431 bytes each, one for each millisecond."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.http.event import EVENT, SIGN_IN
from coinslot.events import mint_id

FIRST_MS = 1_333_046_104_322
REST = EVENT[EVENT.index(",") :].encode()


def raw(number: int) -> bytes:
    """As a client sends it."""
    return b'{"timestamp":%d%b' % (FIRST_MS + number, REST)


def fields(number: int) -> dict[str, Any]:
    """Decoded."""
    return {**SIGN_IN, "timestamp": FIRST_MS + number}


def ndjson(first: int, events: int) -> bytes:
    """A body of so many."""
    return b"\n".join(map(raw, range(first, first + events)))


def accepted(first: int, events: int) -> Iterator[bytes]:
    """So many as ingest puts them into the queue: with an `_id` each."""
    for number in range(first, first + events):
        yield b'{"_id":"%b",%b' % (mint_id().encode(), raw(number)[1:])
