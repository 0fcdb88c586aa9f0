"""A Bloom filter of 32 bits, 3 of them a user, by our own hash: small enough to look at, and to err."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from coinslot.analytics.users import halves
from docs.pictures.svg import frame, rect, text

SIZE, BITS = 32, 3
COUNTED, ASKED = ("ann", "bob"), ("leo", "gus")
LEFT, CELL, ROW, WIDTH = 130, 15, 30, 860
VERDICT = LEFT + SIZE * CELL + 16


def bits_of(user: str) -> list[int]:
    """As lua/filter.lua finds them, in one block of 32 bits."""
    number, found = halves(user)[1] % 2**32, []
    for _ in range(BITS):
        found.append(number * SIZE >> 32)
        number = (number * 1664525 + 1013904223) % 2**32
    return found


def draw() -> str:
    return frame(WIDTH, 182, "A Bloom filter with two users, asked for two others", _shapes())


def _shapes() -> Iterator[str]:
    filled = {bit for user in COUNTED for bit in bits_of(user)}
    for row, user in enumerate(COUNTED):
        bits = bits_of(user)
        yield from _row(12 + row * ROW, f"count {user}", bits, bits, "its bits are set")
    yield from _row(78, "what is kept", filled, filled, "no names; all that is known", "title")
    for row, user in enumerate(ASKED):
        bits = bits_of(user)
        missing = [bit for bit in bits if bit not in filled]
        verdict = "a bit is missing: never counted" if missing else "all are set: taken for counted"
        yield from _row(120 + row * ROW, f"is {user} in it?", bits, filled, verdict)


def _row(
    y: int, label: str, marked: Collection[int], filled: Collection[int], verdict: str, kind: str = ""
) -> Iterator[str]:
    """marked: the bits that the row is about; those that are filled are blue, and others orange."""
    yield text(LEFT - 14, y + 13, label, kind, "end")
    for bit in range(SIZE):
        colour = ("ours" if bit in filled else "warm") if bit in marked else "plain"
        yield rect(LEFT + bit * CELL, y, CELL - 2, 17, colour)
    yield text(VERDICT, y + 13, verdict, kind or "note")
