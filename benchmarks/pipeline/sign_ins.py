"""Sign-ins by number, each of 431 bytes as the one in benchmarks/http/event.py, one for each millisecond.

They differ as those of many people do. Were all alike, Redis' file and MongoDB's pages would shrink to next to nothing,
and with them what they cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec

from api.openapi.schemas import SIGN_IN
from coinslot.mint import Mint

FIRST_MS = 1_333_046_104_322
_mint = Mint()
DIFFERENT = 5_000  # beyond that they come again, too far apart for any of them to notice


def raw(number: int) -> bytes:
    """As a client sends it."""
    return b'{"timestamp":%d%b' % (FIRST_MS + number, _RESTS[number % DIFFERENT])


def fields(number: int) -> dict[str, Any]:
    """Decoded."""
    return {**_VARIANTS[number % DIFFERENT], "timestamp": FIRST_MS + number}


def ndjson(first: int, events: int) -> bytes:
    """A body of so many."""
    return b"\n".join(map(raw, range(first, first + events)))


def accepted(first: int, events: int) -> Iterator[bytes]:
    """So many as ingest puts them into the queue: with an `_id` each."""
    for number in range(first, first + events):
        yield b'{"_id":"%b",%b' % (_mint().encode(), raw(number)[1:])


def _variant(chance: Random) -> dict[str, Any]:
    """Another sign-in of the same length."""
    template: dict[str, Any] = SIGN_IN
    steps = [step for step, _ in template["event_stream"]]
    times_ms = [chance.randrange(100, 1000), *sorted(chance.sample(range(1000, 10_000), len(steps) - 1))]
    return {
        **template,
        "event_stream": [list(step) for step in zip(steps, times_ms, strict=True)],
        "number_emails": chance.randrange(1, 10),
        "language": chance.choice(["en_US", "de_DE", "es_ES", "fr_FR", "ja_JP", "pt_BR", "ru_RU", "zh_CN"]),
        "number_sites_logged_in": chance.randrange(1, 10),
        "screen_size": {"width": chance.randrange(320, 1000), "height": chance.randrange(320, 1000)},
        "sample_rate": chance.randrange(1, 10) / 10,
        "user_agent": {**template["user_agent"], "version": str(chance.randrange(10, 100))},
    }


_CHANCE = Random(1)
_VARIANTS = [_variant(_CHANCE) for _ in range(DIFFERENT)]
_RESTS = [(text := msgspec.json.encode(each))[text.index(b",") :] for each in _VARIANTS]
