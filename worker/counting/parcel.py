"""What a step of counting is told, as lua/count.lua takes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from coinslot.analytics import rules, users
from coinslot.analytics.counter import GLOBAL
from coinslot.analytics.event import AnalyticEvent
from coinslot.analytics.rules import Rules
from coinslot.dead_letters import MAX_REASON_CHARACTERS
from worker.counting.piece import Piece

Bank = Callable[[Piece], tuple[bytes, int]]  # the body of a message for the queue of events, and how many it holds

_encode = msgspec.msgpack.Encoder().encode


class Parcel:
    """Pieces, with each user and each counter in them named once.

    `arguments`: of lua/count.lua, from the seventh on; made once, for they are sent again and again while others count.
    """

    def __init__(self, pieces: Sequence[Piece], rules: Rules, bank: Bank | None) -> None:
        self._rules = rules
        self._users: dict[str, int] = {}
        self._counters: dict[tuple[str, str], int] = {}
        self._kept: list[list[Any]] = []
        self._named: dict[tuple[str, str], tuple[int, int, bool]] = {}
        self._done: set[tuple[int, int, int]] = set()
        self._present: set[tuple[int, int]] = set()
        self._texts: list[bytes] = []
        messages = [self._message(piece, bank) for piece in pieces]
        halves = [users.halves(user) for user in self._users]
        self.arguments = [_encode({"users": halves, "counters": self._kept, "messages": messages}), *self._texts]

    def _message(self, piece: Piece, bank: Bank | None) -> dict[str, Any]:
        envelope, at_ms = piece.envelope, piece.envelope.received_at_ms
        message: dict[str, Any] = {
            "id": envelope.id,
            "size": piece.size,
            "counted": envelope.is_counted,
            "deliveries": envelope.deliveries,
            "received_at_ms": "" if at_ms is None else at_ms,
            "more": piece.more,
            "letters": [],
            "bank": False,
        }
        if piece.fault:
            letter = self._text(bytes(envelope.message.body))
            message["letters"] = [(letter, piece.fault[:MAX_REASON_CHARACTERS], piece.size)]
        if bank and not (piece.fault or piece.more):
            body, message["banked"] = bank(piece)
            message["bank"] = self._text(body)
        if piece.may_die:
            # Each with its payload, so none is left out.
            message["payloads"] = [self._text(raw) for raw in piece.raws()]
            message["events"] = [self._event(event, at_ms) for event in piece.events]
        else:
            message["events"] = self._first_ones(piece.events, at_ms)
        return message

    def _text(self, text: bytes) -> int:
        """Its place among the texts. They go beside the rest, for Redis' MessagePack knows no bytes."""
        self._texts.append(text)
        return len(self._texts)

    def _first_ones(self, events: Sequence[AnalyticEvent], at_ms: int | None) -> list[tuple[Any, ...]]:
        """Without what an event before them in this parcel has said already."""
        firsts = []
        for event in events:
            told = user, named, internal, weekly, value, is_goal = self._event(event, at_ms)
            if (user, named, weekly) in self._done and not is_goal:
                continue
            self._done.add((user, named, weekly))
            if (user, internal) in self._present:
                told = user, named, 0, weekly, value, is_goal
            self._present.add((user, internal))
            firsts.append(told)
        return firsts

    def _event(self, event: AnalyticEvent, at_ms: int | None) -> tuple[Any, ...]:
        name, namespace = event.event_name, event.namespace
        user = self._users.setdefault(event.user_id, len(self._users) + 1)
        named, internal, is_weekly = self._named.get((namespace, name)) or self._name(namespace, name)
        weekly = 0
        if is_weekly:
            at = event.datetime or _moment(at_ms)
            weekly = self._counter(namespace, rules.weekly_field(name, at), name)
        return user, named, internal, weekly, False if event.value is None else event.value, event.ensure_goal

    def _name(self, namespace: str, name: str) -> tuple[int, int, bool]:
        """Places of its named counter and of the internal one, and whether it has weekly ones."""
        named = self._counter(namespace, rules.named_field(name), name)
        internal = self._counter(namespace, rules.INTERNAL_FIELD, GLOBAL)
        self._named[namespace, name] = found = named, internal, self._rules.of(name).date_cohort == "weekly"
        return found

    def _counter(self, namespace: str, field: str, name: str) -> int:
        place = self._counters.get((namespace, field))
        if place is None:
            rule = self._rules.of(name)
            scalable = rule.type == "bloom_scalable"
            self._kept.append([namespace, field, scalable, rule.size, rule.error_probability])
            place = self._counters[namespace, field] = len(self._kept)
        return place


def _moment(at_ms: int | None) -> datetime:
    return datetime.now(UTC) if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC)
