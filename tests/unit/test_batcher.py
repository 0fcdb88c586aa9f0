"""Batches: bounded by events, bytes and age; a redelivered message is alone in its own."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from kombu.message import Message

from coinslot.errors import QueueUnavailable
from worker.batch import Batch, Batcher, open_commit


def message(*events: bytes, deliveries: int = 1, body: bytes | None = None) -> Message:
    return Message(
        body=b"[" + b",".join(events) + b"]" if body is None else body,
        delivery_tag="1-0",
        headers={"events": len(events), "x-delivery-count": deliveries - 1},
        delivery_info={"redelivered": deliveries > 1},
    )


def foreign(body: bytes) -> Message:
    """As somebody else may have put it into the queue."""
    return Message(body=body, delivery_tag="1-0", headers={}, delivery_info={})


class Reads:
    """A consumer whose reads bring what it was told, one list each after `read_s`, and then nothing: they wait then."""

    def __init__(self, *reads: list[Message] | Exception, read_s: float = 0) -> None:
        self.inbox: deque[Any] = deque()
        self.now_s = 0.0
        self._reads = deque(reads)
        self._read_s = read_s

    def read(self, timeout_s: float) -> None:
        if not self._reads:
            self.now_s += timeout_s
            return
        self.now_s += self._read_s
        read = self._reads.popleft()
        if isinstance(read, Exception):
            raise read
        self.inbox.extend(read)

    def clock(self) -> float:
        return self.now_s


def batcher(reads: Reads, max_events: int = 100, max_bytes: int = 10_000) -> Batcher:
    return Batcher(reads, reads.clock, max_events, max_bytes, max_age_s=0.02, max_deliveries=5)  # type: ignore[arg-type]


def ids(batch: Batch | None) -> list[str]:
    assert batch is not None
    return [event.id for event in batch.events]


ONE, TWO, THREE = (b'{"_id":"%d","timestamp":1}' % number for number in (1, 2, 3))


def test_messages_of_several_reads_join_one_batch_and_none_is_waited_for() -> None:
    reads = Reads([message(ONE)], [message(TWO, THREE)])

    batch = batcher(reads).next(wait_s=1)

    assert ids(batch) == ["1", "2", "3"]
    assert reads.now_s == 0


def test_a_batch_is_old_enough_some_time_after_its_first_message_though_more_keep_coming() -> None:
    reads = Reads(*([message(ONE)] for _ in range(50)), read_s=0.005)

    batch = batcher(reads).next(wait_s=1)

    assert ids(batch) == ["1"] * 5


def test_no_message_is_no_batch() -> None:
    assert batcher(Reads()).next(wait_s=1) is None


def test_a_batch_ends_at_its_number_of_events_and_the_next_begins_there() -> None:
    batches = batcher(Reads([message(ONE), message(TWO), message(THREE)]), max_events=2)

    assert [ids(batches.next(1)), ids(batches.next(1))] == [["1", "2"], ["3"]]


def test_a_batch_ends_at_its_number_of_bytes_but_holds_at_least_one_message() -> None:
    batches = batcher(Reads([message(ONE), message(TWO)]), max_bytes=1)

    assert [ids(batches.next(1)), ids(batches.next(1))] == [["1"], ["2"]]


def test_a_redelivered_message_is_a_batch_of_its_own_and_counts_as_tried() -> None:
    batches = batcher(Reads([message(ONE), message(TWO, deliveries=2), message(THREE)]))

    first, second, third = batches.next(1), batches.next(1), batches.next(1)

    assert [ids(first), ids(second), ids(third)] == [["1"], ["2"], ["3"]]
    assert [batch.tried for batch in (first, second, third) if batch] == [False, True, False]


def test_a_batch_that_has_begun_survives_a_queue_that_goes_away() -> None:
    batches = batcher(Reads([message(ONE)], QueueUnavailable()))

    assert ids(batches.next(1)) == ["1"]


def test_a_message_that_is_no_list_of_events_is_opened_as_a_fault_and_raises_nothing() -> None:
    bodies = [b"", b"{", b"[1]", b"\xff", b"[" * 5000, b'[{"a":"\xff"}]', b"null"]

    commits = [open_commit(foreign(body), 5) for body in bodies]

    assert all(commit.fault.startswith("message cannot be read") for commit in commits)
    assert all(commit.events == [] for commit in commits)


def test_a_message_delivered_too_often_is_not_looked_into_for_that_may_be_what_its_readers_died_of() -> None:
    bodies = [b"[" + ONE + b"]", b"garbage"]

    last = [open_commit(message(body=body, deliveries=5), 5) for body in bodies]
    doomed = [open_commit(message(body=body, deliveries=6), 5) for body in bodies]

    assert [len(commit.events) for commit in last] == [1, 0]
    assert [commit.fault for commit in doomed] == ["delivered 6 times and never settled"] * 2
    assert [commit.events for commit in doomed] == [[], []]


def test_a_message_that_nobody_counted_is_as_many_events_as_can_be_read_and_one_if_none_can() -> None:
    def sized(body: bytes, events: object) -> tuple[int, bool]:
        message = Message(body=body, delivery_tag="1-0", headers={"events": events}, delivery_info={})
        commit = open_commit(message, 5)
        return commit.size, commit.is_counted

    both = b"[" + ONE + b"," + TWO + b"]"
    theirs = [sized(body, events) for body in (both, b"[]", b"garbage") for events in (None, "2", -2, 2.5, True)]

    assert theirs == [(2, False)] * 5 + [(0, False)] * 5 + [(1, False)] * 5
    assert [sized(both, 2), sized(b"garbage", 3)] == [(2, True), (3, True)]


def test_an_event_was_received_when_its_message_says_and_at_no_delivery_later_than_that() -> None:
    now_ms = int(time.time() * 1000)

    def received(headers: dict[str, object]) -> int:
        opened = open_commit(Message(body=b"[" + ONE + b"]", delivery_tag="1-0", headers=headers, delivery_info={}), 5)
        return opened.events[0].received_at_ms or 0

    assert received({"received_at_ms": 1_700_000_000_000, "x-delivery-count": 3}) == 1_700_000_000_000
    for odd in ({}, {"received_at_ms": 2**64}, {"received_at_ms": "5"}, {"received_at_ms": True}):
        assert now_ms <= received(odd) <= time.time() * 1000
