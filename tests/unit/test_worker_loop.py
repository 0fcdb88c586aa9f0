"""The worker's loop, with a store and a settlement that do as they are told."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from coinslot.errors import Halted, QueueUnavailable, StoreUnavailable
from coinslot.events import Dead, Event
from coinslot.store import DUPLICATE, STORED, Outcome
from tests.unit.test_batcher import ONE, THREE, TWO, Reads, batcher, message
from worker import backoff
from worker.loop import Worker
from worker.settlement import Settled


class Stub:
    """Store, settlement and all else that a worker is handed; notes what happened, in order."""

    def __init__(self, *outcomes: list[Outcome] | Exception, settle_errors: int = 0) -> None:
        self.outcomes = list(outcomes)
        self.settle_errors = settle_errors
        self.happened: list[str] = []
        self.settled: list[Settled] = []
        self.pauses_s: list[float] = []
        self.stop_after_pauses = 100
        self.halted_checks = 0
        self.asked = 0
        self.settling_is_halted = False
        self.taken_over: set[str] = set()
        self.recanted: list[str] = []

    def insert(self, events: Sequence[Event]) -> list[Outcome]:
        self.happened.append("insert")
        outcome = self.outcomes.pop(0) if self.outcomes else [STORED for _ in events]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def __call__(self, settled: Sequence[Settled]) -> set[str]:
        self.happened.append("settle")
        if self.settling_is_halted:
            raise Halted()
        if self.settle_errors:
            self.settle_errors -= 1
            raise QueueUnavailable()
        self.settled += settled
        return {each.commit.id for each in settled} - self.taken_over

    def recant(self, taken_over: Sequence[Settled]) -> None:
        self.happened.append("recant")
        self.recanted += [each.commit.id for each in taken_over]

    def let_go(self, message: object) -> None:
        self.happened.append("let go")

    def keep(self) -> None:
        self.happened.append("keep")

    def excuse(self) -> None:
        self.happened.append("excuse")

    def abandon(self) -> None:
        self.happened.append("abandon")

    def check_halt(self) -> None:
        self.asked += 1
        if self.halted_checks:
            self.halted_checks -= 1
            raise Halted()

    def close(self) -> None:
        self.happened.append("close")

    def stopping(self) -> bool:
        return len(self.pauses_s) >= self.stop_after_pauses

    def worker(self, *messages: Any) -> Worker:
        reads: Any = Reads(list(messages))
        reads.keep, reads.excuse, reads.abandon, reads.close = self.keep, self.excuse, self.abandon, self.close
        reads.let_go = self.let_go
        stub: Any = self
        return Worker(
            reads,
            batcher(reads),
            stub,
            stub,
            self.stopping,
            self.pauses_s.append,
            self.happened.append,
            check_halt=self.check_halt,
            recant=self.recant,
            reconnect=lambda: self.happened.append("reconnect"),
        )


class SlowStub(Stub):
    """A store that answers only when the claims on what it is given have been renewed twice."""

    def __init__(self) -> None:
        super().__init__()
        self.was_kept_meanwhile = False
        self._kept = threading.Semaphore(0)

    def insert(self, events: Sequence[Event]) -> list[Outcome]:
        kept_before = self.happened.count("keep")
        self.was_kept_meanwhile = all(self._kept.acquire(timeout=5) for _ in range(kept_before + 2))
        return super().insert(events)

    def keep(self) -> None:
        super().keep()
        self._kept.release()


def test_a_batch_is_stored_then_settled_then_acknowledged() -> None:
    stub = Stub()

    done = stub.worker(message(ONE), message(TWO, THREE)).run_once()

    assert done == 2
    assert stub.happened == ["read", "keep", "insert", "stored", "settle", "let go", "let go"]
    assert [(each.stored, each.changes) for each in stub.settled] == [(1, [ONE]), (2, [TWO, THREE])]


def test_a_duplicate_is_counted_and_not_announced() -> None:
    stub = Stub([STORED, DUPLICATE])

    stub.worker(message(ONE, TWO)).run_once()

    (settled,) = stub.settled
    assert (settled.stored, settled.duplicate, settled.changes) == (1, 1, [ONE])


def test_a_duplicate_in_a_redelivered_message_is_announced_for_its_first_reader_may_have_died_before_it_did() -> None:
    stub = Stub([DUPLICATE])

    stub.worker(message(ONE, deliveries=2)).run_once()

    assert stub.settled[0].changes == [ONE]


def test_an_event_that_cannot_be_stored_becomes_a_dead_letter_and_keeps_no_other_out() -> None:
    stub = Stub([STORED, Dead("too odd"), STORED])

    stub.worker(message(ONE, TWO, THREE)).run_once()

    (settled,) = stub.settled
    assert settled.stored == 2
    assert settled.dead == [(TWO, "too odd", 1)]


def test_while_the_store_is_away_waits_grow_and_what_may_be_stored_already_is_announced() -> None:
    stub = Stub(*[StoreUnavailable()] * 10, [DUPLICATE])

    stub.worker(message(ONE)).run_once()

    assert stub.happened.count("excuse") == 1
    assert stub.pauses_s == sorted(stub.pauses_s)
    assert max(stub.pauses_s) == backoff.LAST_S
    assert stub.settled[0].changes == [ONE]


def test_while_the_store_takes_its_time_claims_are_kept() -> None:
    stub = SlowStub()

    stub.worker(message(ONE)).run_once()

    assert stub.was_kept_meanwhile
    assert stub.settled[0].stored == 1


def test_a_worker_told_to_stop_while_the_store_is_away_settles_nothing() -> None:
    stub = Stub(*[StoreUnavailable()] * 10)
    stub.stop_after_pauses = 3

    stub.worker(message(ONE)).run()

    assert stub.settled == []
    assert stub.happened[-1] == "close"


def test_a_settlement_that_fails_is_tried_again_and_the_batch_is_not_stored_again() -> None:
    stub = Stub(settle_errors=3)

    stub.worker(message(ONE)).run_once()

    assert stub.happened.count("insert") == 1
    assert stub.happened.count("settle") == 4
    assert len(stub.settled) == 1


def test_a_message_delivered_too_often_goes_to_dead_letters_untried() -> None:
    stub = Stub()
    poison = message(ONE, TWO, deliveries=6)

    stub.worker(poison).run_once()

    assert "insert" not in stub.happened
    assert stub.settled[0].dead == [(poison.body, "delivered 6 times and never settled", 2)]


def test_a_message_that_cannot_be_read_goes_to_dead_letters_whole() -> None:
    stub = Stub()

    stub.worker(message(body=b"garbage"), message(ONE)).run_once()

    assert sorted(each.stored for each in stub.settled) == [0, 1]
    assert [payload for each in stub.settled for payload, _, _ in each.dead] == [b"garbage"]


def test_while_halted_a_worker_reads_nothing_hands_back_what_it_holds_and_then_goes_on() -> None:
    stub = Stub()
    stub.halted_checks = 3
    worker = stub.worker(message(ONE))

    done = [worker.run_once() for _ in range(4)]

    assert done == [0, 0, 0, 1]
    assert stub.happened[:4] == ["close", "close", "close", "read"]
    assert len(stub.pauses_s) == 3


def test_a_halt_is_asked_for_except_where_a_settlement_has_just_told_that_there_is_none() -> None:
    stub = Stub()
    worker = stub.worker(message(ONE), message(TWO, deliveries=2))

    asked = []
    for _ in range(4):
        worker.run_once()
        asked.append(stub.asked)

    assert asked == [1, 1, 1, 2]


def test_a_worker_whose_settlement_is_halted_hands_its_messages_back_and_ends() -> None:
    stub = Stub()
    stub.settling_is_halted = True

    with pytest.raises(Halted):
        stub.worker(message(ONE)).run()

    assert stub.settled == []
    assert stub.happened[-2:] == ["settle", "close"]


def test_a_worker_that_a_fault_of_ours_ends_hands_nothing_back_so_that_the_delivery_counts() -> None:
    stub = Stub(ValueError("ours"))

    with pytest.raises(ValueError, match="ours"):
        stub.worker(message(ONE)).run()

    assert stub.happened[-3:] == ["insert", "abandon", "close"]


def test_a_message_that_was_a_dead_letter_is_alone_in_its_batch_and_its_duplicates_are_announced() -> None:
    stub = Stub([DUPLICATE], [DUPLICATE])
    replayed = message(ONE)
    replayed.headers["tried"] = True
    worker = stub.worker(message(TWO), replayed)

    done = [worker.run_once(), worker.run_once()]

    assert done == [1, 1]
    assert [each.changes for each in stub.settled] == [[], [ONE]]


def test_what_another_has_settled_is_told_to_whoever_takes_back_what_was_erased_since() -> None:
    stub = Stub()
    stub.taken_over = {"1-0"}

    done = stub.worker(message(ONE)).run_once()

    assert done == 0
    assert stub.recanted == ["1-0"]
    assert stub.happened[-2:] == ["let go", "recant"]


def test_positive_control_a_worker_that_still_owns_its_messages_takes_nothing_back() -> None:
    stub = Stub()

    stub.worker(message(ONE)).run_once()

    assert "recant" not in stub.happened


def test_connections_to_the_queue_are_renewed_where_one_has_failed_and_not_for_the_stores_sake() -> None:
    stub = Stub(StoreUnavailable(), settle_errors=1)

    stub.worker(message(ONE)).run_once()

    steps = [step for step in stub.happened if step in ("insert", "settle", "reconnect")]
    assert steps == ["insert", "insert", "settle", "reconnect", "settle"]
