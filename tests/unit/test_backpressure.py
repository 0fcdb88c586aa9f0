"""Backpressure: when it refuses, when it no longer does, and when it says to come back."""

from __future__ import annotations

import pytest

from coinslot.ledger import Reading
from ingest.answer import Busy
from ingest.backpressure import MAX_RETRY_S, MIN_RETRY_S, RATE_WINDOW_S, Backpressure


class Queue:
    """A queue as the watch on it reports it, and the clock beside it."""

    def __init__(self) -> None:
        self.settled = 0
        self.now_s = 1000.0
        self.backpressure = Backpressure(lambda: self.now_s, max_messages=100, max_memory_share=0.8)

    def shows(self, waiting: int = 0, memory_share: float = 0.0) -> None:
        reading = Reading(waiting, self.settled, memory_share, epoch=b"1", accepted=0, queued=0, lost=0)
        self.backpressure.see(reading)

    def drains(self, messages: int, seconds: float) -> None:
        self.now_s += seconds
        self.settled += messages

    def refusal(self) -> Busy:
        with pytest.raises(Busy) as caught:
            self.backpressure.admit()
        return caught.value


@pytest.fixture
def queue() -> Queue:
    return Queue()


def test_before_anything_was_seen_all_are_admitted(queue: Queue) -> None:
    queue.backpressure.admit()


def test_below_the_limits_all_are_admitted(queue: Queue) -> None:
    queue.shows(waiting=99, memory_share=0.79)

    queue.backpressure.admit()


def test_at_the_limit_of_messages_all_are_refused(queue: Queue) -> None:
    queue.shows(waiting=100)

    assert str(queue.refusal()) == "the backlog has reached 100 messages"


def test_at_the_limit_of_memory_all_are_refused(queue: Queue) -> None:
    queue.shows(memory_share=0.8)

    assert str(queue.refusal()) == "Redis has filled 80% of its memory"


@pytest.mark.parametrize(
    ("reached", "still", "over"),
    [
        ({"waiting": 100}, {"waiting": 91}, {"waiting": 90}),
        ({"memory_share": 0.8}, {"memory_share": 0.73}, {"memory_share": 0.72}),
    ],
)
def test_refusing_goes_on_until_there_is_some_room_and_not_just_for_one(
    queue: Queue, reached: dict[str, float], still: dict[str, float], over: dict[str, float]
) -> None:
    queue.shows(**still)  # type: ignore[arg-type]
    queue.backpressure.admit()

    queue.shows(**reached)  # type: ignore[arg-type]
    queue.shows(**still)  # type: ignore[arg-type]
    queue.refusal()
    queue.shows(**over)  # type: ignore[arg-type]

    queue.backpressure.admit()


def test_a_queue_out_of_sight_takes_nothing_and_one_in_sight_again_does(queue: Queue) -> None:
    queue.backpressure.lose_sight("the queue cannot be reached: timeout")

    assert str(queue.refusal()) == "the queue cannot be reached: timeout"

    queue.shows()
    queue.backpressure.admit()


def test_a_queue_that_went_out_of_sight_while_full_is_full_when_it_is_seen_so(queue: Queue) -> None:
    queue.shows(waiting=100)
    queue.backpressure.lose_sight("away")

    queue.shows(waiting=95)

    queue.refusal()


@pytest.mark.parametrize(("waiting", "seconds"), [(300, 11), (100, 1), (130, 2)])
def test_it_says_to_come_back_when_there_is_room_which_is_before_nothing_waits(
    queue: Queue, waiting: int, seconds: int
) -> None:
    queue.shows(waiting=300)

    queue.drains(messages=40, seconds=2)
    queue.shows(waiting=waiting)

    assert queue.refusal().retry_after_s == seconds  # all but 90 have to go, 20 a second


def test_where_memory_is_full_it_says_to_come_back_when_enough_of_what_fills_it_is_gone(queue: Queue) -> None:
    queue.shows(waiting=50, memory_share=0.9)

    queue.drains(messages=4, seconds=2)
    queue.shows(waiting=50, memory_share=0.9)

    assert queue.refusal().retry_after_s == 5  # a fifth of the memory is to be freed: 10 messages, 2 a second


def test_where_nothing_drains_it_says_to_come_back_late(queue: Queue) -> None:
    queue.shows(waiting=100)

    assert queue.refusal().retry_after_s == MAX_RETRY_S


def test_a_fast_drain_is_waited_for_at_least_a_second(queue: Queue) -> None:
    queue.shows(waiting=100)

    queue.drains(messages=100_000, seconds=1)
    queue.shows(waiting=100)

    assert queue.refusal().retry_after_s == MIN_RETRY_S


def test_the_rate_is_that_of_the_last_seconds(queue: Queue) -> None:
    queue.shows(waiting=100)
    queue.drains(messages=1000, seconds=1)
    queue.shows(waiting=100)

    queue.drains(messages=10, seconds=RATE_WINDOW_S)
    queue.shows(waiting=100)

    assert queue.refusal().retry_after_s == 5  # 10 too many, 2 a second of late


def test_a_ledger_that_was_lost_is_no_drain_backwards(queue: Queue) -> None:
    queue.drains(messages=1000, seconds=1)
    queue.shows(waiting=100)

    queue.drains(messages=-1000, seconds=1)
    queue.shows(waiting=100)

    assert queue.refusal().retry_after_s == MAX_RETRY_S


def test_where_nothing_waits_or_how_much_does_tells_nothing_it_says_to_come_back_soon(queue: Queue) -> None:
    assert queue.backpressure.retry_after_s() == MIN_RETRY_S

    queue.shows(waiting=80)
    queue.backpressure.lose_sight("away")

    assert queue.refusal().retry_after_s == MIN_RETRY_S
