"""Users of each event on the web hits, and the share of them that reached the goal afterwards."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from docs.pictures.svg import frame, rect, text

GOAL = "visit:projects"
FEWEST = 10  # of fewer a share says nothing
LABEL, BARS, SECOND, ROW, TOP, WIDTH = 150, 270, 520, 20, 46, 860


class Figures(NamedTuple):
    """Of an event: its users, how many of those who reached the goal had it before, and its users in either week."""

    event: str
    users: int
    before_goal: int
    in_weeks: tuple[int, int]

    @property
    def bayes(self) -> float:
        return self.before_goal / self.users


def read(path: Path) -> list[Figures]:
    with path.open(newline="") as lines:
        next(lines)
        return [
            Figures(event, int(users), int(before), (int(first), int(second)))
            for event, users, before, first, second in csv.reader(lines)
        ]


def draw(path: Path) -> str:
    figures = [each for each in read(path) if each.before_goal and each.users >= FEWEST]
    height = TOP + ROW * len(figures) + 6
    return frame(WIDTH, height, f"Users of an event, and how many of them went on to {GOAL}", _shapes(figures))


def _shapes(figures: Sequence[Figures]) -> Iterator[str]:
    yield text(LABEL, 16, "users who did it", "title")
    yield text(SECOND, 16, f"of these, went on to {GOAL}", "title")
    yield text(LABEL, 34, "count", "note")
    yield text(SECOND, 34, "bayes, in per cent", "note")
    most, best = max(each.users for each in figures), max(each.bayes for each in figures)
    for place, each in enumerate(figures):
        y = TOP + place * ROW
        yield text(LABEL - 10, y + 11, each.event, anchor="end")
        yield from _bar(LABEL, y, each.users / most, f"{each.users}", "plain")
        yield from _bar(SECOND, y, each.bayes / best, f"{each.bayes:.1%} = {each.before_goal} / {each.users}", "ours")


def _bar(x: int, y: int, share: float, words: str, kind: str) -> Iterator[str]:
    length = share * (BARS if x == LABEL else WIDTH - SECOND - 140)
    yield rect(x, y, length, ROW - 6, kind)
    yield text(x + length + 8, y + 11, words)
