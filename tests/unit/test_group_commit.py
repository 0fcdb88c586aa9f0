"""Group commit: many POSTs, one message; nobody is told of success before it is in the queue, nobody waits for ever."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from coinslot.errors import QueueUnavailable
from ingest.commit import GroupCommit, Told, fault

TIMEOUT_S = 10.0
MAX_BYTES = 1000


class Queue:
    """Takes messages while the gate is open; each `put` is a publisher."""

    def __init__(self) -> None:
        self.messages: list[list[int]] = []
        self.counts: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Semaphore(0)
        self.error: Exception | None = None

    def put(self, body: bytes, events: int) -> None:
        self.arrived.release()
        assert self.gate.wait(TIMEOUT_S)
        if self.error:
            raise self.error
        self.messages.append(msgspec.json.decode(body))
        self.counts.append(events)


@pytest.fixture
def queue() -> Queue:
    return Queue()


def lead(commit: GroupCommit, queue: Queue, *raws: bytes) -> Told:
    """A POST whose commit is on its way: it has arrived at the queue's gate."""
    told = commit.join(raws)
    assert queue.arrived.acquire(timeout=TIMEOUT_S)
    return told


def is_told(told: Told) -> QueueUnavailable | None:
    return fault(told, TIMEOUT_S)


def test_a_post_alone_is_committed_at_once(queue: Queue) -> None:
    commit = GroupCommit([queue.put], MAX_BYTES, TIMEOUT_S)

    assert commit([b"1", b"2"]) is None

    assert queue.messages == [[1, 2]]
    assert queue.counts == [2]


def test_posts_that_come_while_a_commit_is_under_way_share_the_next(queue: Queue) -> None:
    commit = GroupCommit([queue.put], MAX_BYTES, TIMEOUT_S)
    queue.gate.clear()
    first = lead(commit, queue, b"1")
    others = [commit.join([raw]) for raw in (b"2", b"3", b"4")]

    queue.gate.set()

    assert [is_told(told) for told in (first, *others)] == [None] * 4
    assert queue.messages == [[1], [2, 3, 4]]


def test_nobody_hears_of_success_before_the_queue_has_it(queue: Queue) -> None:
    commit = GroupCommit([queue.put], MAX_BYTES, TIMEOUT_S)
    queue.gate.clear()
    posted = [lead(commit, queue, b"1"), commit.join([b"2"])]

    assert not any(told.done() for told in posted)
    queue.gate.set()
    assert [is_told(told) for told in posted] == [None, None]


def test_as_many_commits_are_in_flight_as_there_are_publishers(queue: Queue) -> None:
    commit = GroupCommit([queue.put, queue.put], MAX_BYTES, TIMEOUT_S)
    queue.gate.clear()

    in_flight = [lead(commit, queue, b"1"), lead(commit, queue, b"2")]
    waiting = commit.join([b"3"])

    assert not queue.arrived.acquire(timeout=0.1)
    queue.gate.set()
    assert [is_told(told) for told in (*in_flight, waiting)] == [None] * 3
    assert sorted(queue.messages) == [[1], [2], [3]]


def test_a_forming_commit_takes_no_more_than_its_limit(queue: Queue) -> None:
    commit = GroupCommit([queue.put], 100, TIMEOUT_S)
    queue.gate.clear()
    first = lead(commit, queue, b"1")

    others = [commit.join([raw]) for raw in (b"2" * 60, b"3" * 60, b"4" * 200)]
    queue.gate.set()

    assert [is_told(told) for told in (first, *others)] == [None] * 4
    assert queue.messages == [[1], [int("2" * 60)], [int("3" * 60)], [int("4" * 200)]]


def test_when_the_queue_refuses_everyone_in_the_commit_is_told(queue: Queue) -> None:
    commit = GroupCommit([queue.put], MAX_BYTES, TIMEOUT_S)
    queue.gate.clear()
    first = lead(commit, queue, b"1")
    others = [commit.join([raw]) for raw in (b"2", b"3")]

    queue.error = QueueUnavailable("the disk is full")
    queue.gate.set()

    assert [str(is_told(told)) for told in (first, *others)] == ["the disk is full"] * 3


def test_after_a_refusal_the_publisher_is_used_again(queue: Queue) -> None:
    commit = GroupCommit([queue.put], MAX_BYTES, TIMEOUT_S)
    queue.error = QueueUnavailable()
    assert isinstance(commit([b"1"]), QueueUnavailable)

    queue.error = None

    assert commit([b"2"]) is None
    assert queue.messages == [[2]]


def test_a_fault_of_our_own_leaves_nobody_waiting_and_the_publisher_at_work(queue: Queue) -> None:
    commit = GroupCommit([queue.put], MAX_BYTES, TIMEOUT_S)
    queue.gate.clear()
    first = lead(commit, queue, b"1")
    others = [commit.join([raw]) for raw in (b"2", b"3")]

    queue.error = ZeroDivisionError()
    queue.gate.set()

    for told in (first, *others):
        with pytest.raises(RuntimeError, match="given up"):
            is_told(told)
    queue.error = None
    assert commit([b"4"]) is None


def test_a_queue_that_never_answers_is_waited_for_only_so_long(queue: Queue) -> None:
    commit = GroupCommit([queue.put], MAX_BYTES, timeout_s=0.2)
    queue.gate.clear()

    assert str(commit([b"1"])) == "the queue did not answer in time"

    queue.gate.set()


def test_what_has_waited_too_long_for_a_publisher_is_given_up_unpublished(queue: Queue) -> None:
    commit = GroupCommit([queue.put], MAX_BYTES, timeout_s=0.2)
    queue.gate.clear()
    stuck = lead(commit, queue, b"1")
    waiting = commit.join([b"2"])

    time.sleep(0.2 / 4)
    queue.gate.set()

    assert is_told(stuck) is None
    assert "no connection to it became free in time" in str(is_told(waiting))
    assert queue.messages == [[1]]


def test_of_many_posts_at_once_each_event_enters_the_queue_once(queue: Queue) -> None:
    commit = GroupCommit([queue.put] * 4, 50, TIMEOUT_S)

    with ThreadPoolExecutor(32) as threads:
        faults = list(threads.map(lambda n: commit([b"%d" % (2 * n), b"%d" % (2 * n + 1)]), range(500)))

    assert faults == [None] * 500
    assert sorted(event for message in queue.messages for event in message) == list(range(1000))
    assert queue.counts == [len(message) for message in queue.messages]
