"""The way of an analytic event, from POST to counter, and where the user's id is on it."""

from __future__ import annotations

from collections.abc import Iterator

from docs.pictures.svg import arrow, frame, rect, text

WIDTH, HEIGHT = 860, 268
BOX, GAP, LEFT, TOP, TALL = 176, 32, 26, 52, 76
STEPS = (
    ("ingest", "checks the event,", "answers 204"),
    ("queue in Redis", "in order of arrival,", "synced to disk"),
    ("worker", "hashes the id:", "XXH3, 128 bits"),
    ("counters in Redis", "bits, counts, sums:", "one step a batch"),
)
ASIDE = (
    (1, "dead letters", "what cannot be read, until dropped"),
    (2, "the store", "if BANK_ANALYTICS=1"),
    (3, "answers", "counts, predictions, nudges"),
)
DOWN = TOP + TALL + 52


def draw() -> str:
    return frame(WIDTH, HEIGHT, "The way of an analytic event", _shapes())


def _shapes() -> Iterator[str]:
    yield rect(8, 8, _left(3) - GAP / 2 - 8, HEIGHT - 16, "id")
    yield rect(_left(3) - GAP / 2 + 4, 8, WIDTH - _left(3) + GAP / 2 - 12, HEIGHT - 16, "safe")
    yield text(LEFT, 32, "here the event is whole, with the user's id", "title")
    yield text(_left(3), 32, "here no id is kept", "title")
    for place, (name, *lines) in enumerate(STEPS):
        yield from _box(_left(place), TOP, name, lines)
        if place:
            yield arrow((_left(place) - GAP, TOP + TALL / 2), (_left(place), TOP + TALL / 2))
    for place, name, note in ASIDE:
        middle = _left(place) + BOX / 2
        yield arrow((middle, TOP + TALL), (middle, DOWN))
        yield from _box(_left(place), DOWN, name, _wrapped(note))
    yield text(LEFT, DOWN + 16, "a POST is in no log;", "note")
    yield text(LEFT, DOWN + 34, "the queue's entry goes", "note")
    yield text(LEFT, DOWN + 52, "when it is counted", "note")


def _left(place: int) -> int:
    return LEFT + place * (BOX + GAP)


def _box(x: int, y: int, name: str, lines: list[str]) -> Iterator[str]:
    yield rect(x, y, BOX, TALL if y == TOP else TALL - 8, "box")
    yield text(x + BOX / 2, y + 22, name, "title", "middle")
    for place, line in enumerate(lines):
        yield text(x + BOX / 2, y + 42 + 18 * place, line, "note", "middle")


def _wrapped(note: str) -> list[str]:
    """In two lines, at its comma if it has one in time."""
    head, comma, tail = note.rpartition(", ")
    return [f"{head},", tail] if comma else [note]
