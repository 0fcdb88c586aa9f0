"""Events in dead letters. A letter that nobody can read stays, for nobody knows whose it is."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from time import time
from typing import Any

from coinslot.dead_letters import START, DeadLetters, parse_id
from coinslot.errors import NoSuchLetter
from coinslot.events import BadEvent, decode, split
from coinslot.match import Match
from coinslot.store import Found

PAGE_LETTERS = 100
DAY_MS = 24 * 60 * 60 * 1000


class DeadEvents:
    """Dead letters as a place from which events can be erased, and expire. Raises QueueUnavailable."""

    def __init__(self, letters: DeadLetters) -> None:
        self._letters = letters

    def matching(self, match: Match, after: str) -> Found:
        page = self._letters.page(parse_id(after) if after else START, PAGE_LETTERS)
        found = [(letter.id, self._cut_up(match, letter.id)[0]) for letter in page.letters]
        hits = [id for id, events in found if events]
        return Found(hits, sum(events for _, events in found), page.after)

    def remove(self, match: Match, hits: Sequence[Any]) -> int:
        removed = 0
        for id in hits:
            taken, left = self._cut_up(match, id)
            if taken:
                payload = b"[" + b",".join(left) + b"]" if left else b""
                removed += self._letters.cut(id, taken, payload, len(left))
        return removed

    def expire(self, after_days: int) -> int:
        """Drops the letters of what died so many days ago."""
        if not after_days:
            return 0
        due_ms = int(time() * 1000) - after_days * DAY_MS
        expired = 0
        for letter in self._letters.page(limit=PAGE_LETTERS).letters:
            if letter.died_at_ms <= due_ms:
                with suppress(NoSuchLetter):  # somebody was quicker
                    expired += self._letters.drop(letter.id)
        return expired

    def _cut_up(self, match: Match, id: str) -> tuple[int, list[bytes]]:
        """How many events of a letter match, and the others; 0 for a letter that cannot be read, or is gone."""
        try:
            _, payload = self._letters.get(id)
            events = [payload] if payload.startswith(b"{") else split(payload)
            left = [event for event in events if not match(decode(event))]
        except (NoSuchLetter, BadEvent):
            return 0, []
        return len(events) - len(left), left
