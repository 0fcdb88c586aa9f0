"""Dead letters as they are printed. What they hold is somebody else's: a terminal gets no control characters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from textwrap import indent

from coinslot.client import DeadLetter

ROW = "{:16} {:19} {:19} {:>8} {:>6} {:>7}"


def rows(letters: Iterable[DeadLetter]) -> Iterator[str]:
    """A head, and then two lines a letter: its figures, within 80 columns, and below them the reason."""
    yield ROW.format("id", "accepted", "died", "attempts", "events", "bytes")
    for letter in letters:
        times = time_of(letter.accepted_at_ms), time_of(letter.died_at_ms)
        yield ROW.format(letter.id, *times, letter.attempts, letter.events, letter.payload_bytes)
        yield indent(printable(letter.reason), "    ")


def as_line(letter: DeadLetter) -> str:
    """JSON, without a payload."""
    return json.dumps({key: value for key, value in asdict(letter).items() if key != "payload"})


def details(letter: DeadLetter) -> str:
    """All of a letter; its payload last, after an empty line."""
    rows = {
        "id": letter.id,
        "reason": printable(letter.reason),
        "attempts": str(letter.attempts),
        "accepted": time_of(letter.accepted_at_ms),
        "died": time_of(letter.died_at_ms),
        "events": f"{letter.events:,}",
        "bytes": f"{letter.payload_bytes:,}",
    }
    head = "\n".join(f"{name:10}{value}" for name, value in rows.items())
    return f"{head}\n\n{printable((letter.payload or b'').decode(errors='backslashreplace'))}"


def time_of(ms: int | None) -> str:
    """In UTC, to the second."""
    if ms is None:
        return "not known"
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):  # an id that was given by hand
        return f"{ms} ms"


def printable(text: str) -> str:
    return "".join(each if each.isprintable() or each in "\n\t" else repr(each)[1:-1] for each in text)
