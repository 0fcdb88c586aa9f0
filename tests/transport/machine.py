"""All that may happen to a queue, in any order.

Readers are not killed here, they are forgotten with all they hold; time does not pass, it is set on the server.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from coinslot.events import Dead
from coinslot.store import DUPLICATE, STORED
from tests.transport.foreign import FOREIGN
from tests.transport.model import Reader
from tests.transport.stage import Cut, Stage

READERS = 3

OUTCOMES = [STORED, STORED, STORED, DUPLICATE, Dead("too odd")]

# What Redis, the wire, and whoever has redis-cli do; the rare ones once.
EVENTFUL = [
    *(["memory", "wire", "replay", "delete"] * 3),
    *FOREIGN,
    *("drop", "destroy_group", "delete_stream", "empty"),
]

which = st.integers(0, 11)  # of those that there are
sizes = st.lists(st.sampled_from([1, 2, 3, 0]), min_size=1, max_size=6)  # events of each message; 0: it is unreadable
lost = st.sampled_from(["reply", "reply", "request"])
cuts = st.one_of(st.none(), st.tuples(st.sampled_from(range(7)), lost))  # a read makes up to seven requests


def pick(which: int, things: Any) -> Any:
    return list(things)[which % len(things)]


def body(number: int, events: int) -> bytes:
    if not events:
        return b"\xff%d" % number + bytes(range(256))
    return b"[" + b",".join(b'{"_id":"%d.%d","timestamp":1}' % (number, event) for event in range(events)) + b"]"


class TransportMachine(RuleBasedStateMachine):
    """step: called after each."""

    def __init__(self, stage: Stage, step: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.stage = stage
        self.publishers = [stage.bench.publisher() for _ in range(2)]
        self.readers = [stage.reader() for _ in range(READERS)]
        self.published = 0
        self.step = step

    @invariant()
    def all_is_as_it_must_be(self) -> None:
        self.stage.check()
        self.step()

    @property
    def holders(self) -> list[Reader]:
        return [reader for reader in self.readers if reader.held]

    @initialize(sizes=sizes)
    def begin(self, sizes: list[int]) -> None:
        self.publish(0, sizes, None)

    @rule(who=which, sizes=sizes, cut=cuts)
    def publish(self, who: int, sizes: list[int], cut: Cut) -> None:
        for size in sizes:
            self.published += 1
            self.stage.publish(pick(who, self.publishers), body(self.published, size), size or 2, cut)

    @rule(who=which, cut=cuts)
    def read(self, who: int, cut: Cut) -> None:
        self.stage.read(pick(who, self.readers), cut)

    @rule(silent=which, who=which, times=st.integers(1, 4), cut=cuts)
    @precondition(lambda self: self.stage.model.pending)
    def take_over(self, silent: int, who: int, times: int, cut: Cut) -> None:
        """One has been silent for long, alive or not, and another reads; then that one is silent."""
        owner = pick(silent, dict.fromkeys(each.owner for each in self.stage.model.pending.values()))
        for turn in range(times):
            reader = pick(who + turn, self.readers)
            self.stage.age(owner)
            self.stage.read(reader, cut)
            owner = reader.name

    @rule(who=which, whats=st.lists(which, min_size=1, max_size=4), data=st.data(), cut=cuts)
    @precondition(lambda self: self.holders)
    def settle(self, who: int, whats: list[int], data: st.DataObject, cut: Cut) -> None:
        reader = pick(who, self.holders)
        ids = dict.fromkeys(pick(what, reader.held) for what in whats)
        self.stage.settle(reader, ids, lambda: data.draw(st.sampled_from(OUTCOMES)), cut)

    @rule(who=which, how=st.sampled_from(["keep", "excuse"]), cut=cuts)
    def wait(self, who: int, how: str, cut: Cut) -> None:
        getattr(self.stage, how)(pick(who, self.readers), cut)

    @rule(who=which, what=which, how=st.sampled_from(["requeue", "requeue", "acknowledge"]), cut=cuts)
    @precondition(lambda self: self.holders)
    def let_go(self, who: int, what: int, how: str, cut: Cut) -> None:
        reader = pick(who, self.holders)
        getattr(self.stage, how)(reader, pick(what, reader.held), cut)

    @rule(who=which, how=st.sampled_from(["closes", "dies"]), cut=cuts)
    def leave(self, who: int, how: str, cut: Cut) -> None:
        """And another comes."""
        reader = pick(who, self.readers)
        self.readers.remove(reader)
        self.readers.append(self.stage.reader())
        if how == "closes":
            self.stage.close(reader, cut)

    @rule(what=st.sampled_from(EVENTFUL), which=which)
    def something_happens(self, what: str, which: int) -> None:
        stage = self.stage
        if what == "memory":
            stage.fill(not stage.is_full)
        elif what == "wire":
            stage.wire.sever()
        elif what in ("replay", "drop"):
            if stage.model.letters:
                getattr(stage, what)(pick(which, stage.model.letters))
        elif what in FOREIGN:
            stage.fill(False)
            stage.add(FOREIGN[what])
        elif what == "delete" and stage.model.entries:
            stage.delete(pick(which, stage.model.entries))
        elif what in ("destroy_group", "delete_stream", "empty") and stage.model.has_group:
            stage.fill(False)  # a full Redis 6 destroys no group
            getattr(stage, what)()

    def teardown(self) -> None:
        try:
            if sys.exception() is None:
                self.stage.drain()
        finally:
            self.stage.close_all()
