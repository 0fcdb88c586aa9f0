"""Backpressure: when it refuses, when it no longer does, and when it says to come back."""

from __future__ import annotations

import pytest

from coinslot.errors import QueueUnavailable
from ingest.answer import Busy
from ingest.backpressure import MAX_RETRY_S, MIN_RETRY_S, RATE_WINDOW_S, SAMPLE_EVERY_S, Backpressure


class Queue:
    """A queue as backpressure sees it, and the clock beside it."""

    def __init__(self) -> None:
        self.waiting = self.settled_so_far = self.samples = 0
        self.now_s = 1000.0
        self.is_away = False
        self.backpressure = Backpressure(self.depth, self.settled, lambda: self.now_s, max_messages=10)

    def depth(self) -> int:
        self.samples += 1
        if self.is_away:
            raise QueueUnavailable()
        return self.waiting

    def settled(self) -> int:
        return self.settled_so_far

    def drains(self, messages: int, seconds: float) -> None:
        self.now_s += seconds
        self.settled_so_far += messages

    def refusal(self) -> Busy:
        with pytest.raises(Busy) as caught:
            self.backpressure.admit()
        return caught.value


@pytest.fixture
def queue() -> Queue:
    return Queue()


def test_below_the_limit_all_are_admitted(queue: Queue) -> None:
    queue.waiting = 9

    queue.backpressure.admit()


def test_at_the_limit_all_are_refused(queue: Queue) -> None:
    queue.waiting = 10

    assert str(queue.refusal()) == "the backlog has reached 10 messages"


def test_below_it_again_they_are_admitted_again(queue: Queue) -> None:
    queue.waiting = 10
    queue.refusal()

    queue.waiting = 9
    queue.now_s += SAMPLE_EVERY_S

    queue.backpressure.admit()


def test_the_queue_is_asked_now_and_then_and_not_for_every_post(queue: Queue) -> None:
    for _ in range(100):
        queue.backpressure.admit()
    assert queue.samples == 1

    queue.now_s += SAMPLE_EVERY_S
    queue.backpressure.admit()

    assert queue.samples == 2


def test_a_queue_that_cannot_be_asked_is_not_a_full_one(queue: Queue) -> None:
    queue.is_away = True

    queue.backpressure.admit()
    queue.backpressure.admit()

    assert queue.samples == 1


def test_a_queue_that_went_away_while_full_is_still_taken_for_full(queue: Queue) -> None:
    queue.waiting = 10
    queue.refusal()

    queue.is_away = True
    queue.now_s += SAMPLE_EVERY_S

    queue.refusal()


def test_it_says_to_come_back_when_the_backlog_is_drained(queue: Queue) -> None:
    queue.waiting = 30
    queue.refusal()

    queue.drains(messages=4, seconds=2)

    assert queue.refusal().retry_after_s == 15  # 30 waiting, 2 a second


def test_where_nothing_drains_it_says_to_come_back_late(queue: Queue) -> None:
    queue.waiting = 10

    assert queue.refusal().retry_after_s == MAX_RETRY_S


def test_a_fast_drain_is_waited_for_at_least_a_second(queue: Queue) -> None:
    queue.waiting = 10
    queue.refusal()

    queue.drains(messages=100_000, seconds=1)

    assert queue.refusal().retry_after_s == MIN_RETRY_S


def test_the_rate_is_that_of_the_last_seconds(queue: Queue) -> None:
    queue.waiting = 100
    queue.refusal()
    queue.drains(messages=1000, seconds=RATE_WINDOW_S)
    queue.refusal()

    queue.drains(messages=10, seconds=RATE_WINDOW_S)

    assert queue.refusal().retry_after_s == 50  # 100 waiting, 2 a second of late


def test_a_ledger_that_was_reset_is_no_drain_backwards(queue: Queue) -> None:
    queue.waiting = 10
    queue.drains(messages=1000, seconds=1)
    queue.refusal()

    queue.drains(messages=-1000, seconds=1)

    assert queue.refusal().retry_after_s == MAX_RETRY_S


def test_where_nothing_waits_it_says_to_come_back_soon(queue: Queue) -> None:
    assert queue.backpressure.retry_after_s() == MIN_RETRY_S
