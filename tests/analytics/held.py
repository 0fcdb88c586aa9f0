"""Counters that are held in memory: the interface that api reads through, with what a test puts into it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from coinslot.analytics.counter import Namespace
from coinslot.analytics.counters import Durations
from coinslot.errors import QueueUnavailable


class Held:
    """`events`: the events of each user, in every namespace. `lost`: nothing is answered."""

    def __init__(self, namespaces: Iterable[Namespace] = (), events: Mapping[str, list[str]] | None = None) -> None:
        self._held: dict[str, Namespace] = {}
        self._events = events or {}
        self.lost = False
        for namespace in namespaces:
            self.put(namespace)

    def put(self, namespace: Namespace) -> None:
        self._held[namespace.name] = namespace

    def namespaces(self) -> list[str]:
        self._check()
        return sorted(self._held)

    def namespace(self, name: str) -> Namespace:
        self._check()
        return self._held.get(name, Namespace(name))

    def events_of(self, namespace: str, user_id: str) -> list[str]:
        self._check()
        return self._events.get(user_id, []) if namespace in self._held else []

    def make_goal(self, namespace: str, name: str) -> None:
        held = self.namespace(namespace)
        self.put(msgspec.structs.replace(held, goals=tuple(sorted({*held.goals, name}))))

    def known(self) -> int:
        return sum(len(self.namespace(name).counters) for name in self.namespaces())

    def persisted(self) -> int:
        return 3

    def durations(self) -> Durations:
        return Durations(sum_us=1234.5, events=6)

    def _check(self) -> None:
        if self.lost:
            raise QueueUnavailable()
