"""The watch on the queue: what it tells backpressure, and what it remembers of a Redis that has forgotten."""

from __future__ import annotations

import pytest

from coinslot.errors import QueueUnavailable
from coinslot.ledger import Reading
from ingest.answer import Busy
from ingest.backpressure import Backpressure
from ingest.watch import Watch

BEFORE = Reading(messages=3, settled_messages=7, memory_share=0.1, epoch=b"one", accepted=100, queued=30, lost=0)


class Redis:
    """One that shows a reading, or is away, and takes reports."""

    def __init__(self) -> None:
        self.reading: Reading | None = BEFORE
        self.reports: list[int] = []
        self.backpressure = Backpressure(lambda: 0.0, max_messages=10, max_memory_share=0.8)
        self.watch = Watch(self.look, self.backpressure, self.reports.append)

    def look(self) -> Reading:
        if self.reading is None:
            raise QueueUnavailable("away")
        return self.reading

    def shows(self, reading: Reading | None) -> None:
        self.reading = reading
        self.watch.run_once()


@pytest.fixture
def redis() -> Redis:
    redis = Redis()
    redis.shows(BEFORE)
    return redis


def test_what_is_seen_decides_who_is_admitted(redis: Redis) -> None:
    redis.backpressure.admit()
    redis.shows(BEFORE._replace(messages=10))

    with pytest.raises(Busy, match="backlog"):
        redis.backpressure.admit()


def test_a_redis_that_is_away_takes_nothing(redis: Redis) -> None:
    redis.shows(None)

    with pytest.raises(Busy, match="away"):
        redis.backpressure.admit()


def test_a_redis_that_goes_on_has_lost_nothing(redis: Redis) -> None:
    redis.shows(BEFORE._replace(accepted=200, queued=0, messages=0))
    redis.shows(None)
    redis.shows(BEFORE._replace(accepted=201))

    assert redis.reports == []


@pytest.mark.parametrize("epoch", [b"", b"two"])
def test_an_emptied_redis_has_lost_what_was_queued(redis: Redis, epoch: bytes) -> None:
    redis.shows(Reading(0, 0, 0.1, epoch=epoch, accepted=0, queued=0, lost=0))

    assert redis.reports == [30]


def test_it_is_reported_once_and_the_new_ledger_is_watched_from_then_on(redis: Redis) -> None:
    empty = Reading(0, 0, 0.1, epoch=b"", accepted=0, queued=0, lost=30)
    redis.shows(empty)
    redis.shows(empty._replace(epoch=b"two", queued=5, accepted=5))
    redis.shows(empty._replace(epoch=b"three", lost=0))

    assert redis.reports == [30, 35]  # what had been lost before was forgotten with the rest


def test_a_redis_that_came_back_older_has_lost_what_it_had_accepted_since(redis: Redis) -> None:
    redis.shows(None)
    redis.shows(BEFORE._replace(accepted=60))

    assert redis.reports == [40]


def test_a_first_look_knows_of_no_loss() -> None:
    redis = Redis()

    redis.shows(BEFORE._replace(epoch=b""))
    redis.shows(BEFORE._replace(epoch=b"one"))

    assert redis.reports == []


def test_it_is_idle_when_nothing_waits_and_nobody_asks(redis: Redis) -> None:
    empty = BEFORE._replace(messages=0)

    def idle_after(*readings: Reading | None) -> bool:
        for reading in readings:
            redis.shows(reading)
        return redis.watch.is_idle

    assert not idle_after(BEFORE), "messages wait"
    assert idle_after(empty)
    redis.backpressure.admit()
    assert not redis.watch.is_idle, "a POST may be on its way"
    assert not idle_after(empty), "it may have come after the look"
    assert idle_after(empty)
    assert not idle_after(None), "Redis may be back in a moment"
