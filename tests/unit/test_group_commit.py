"""Group commit: many POSTs, one message; nobody is told of success before it is in the queue, nobody waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec
import pytest

from coinslot.errors import QueueUnavailable
from ingest.commit import GroupCommit

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


class Told(list[bytes]):
    """Events that tell when they have joined a commit: they are iterated for their size, then to be added."""

    def __init__(self, raws: Sequence[bytes]) -> None:
        super().__init__(raws)
        self.joined = threading.Event()
        self._iterations = 0

    def __iter__(self) -> Iterator[bytes]:
        self._iterations += 1
        yield from super().__iter__()
        if self._iterations == 2:
            self.joined.set()


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(32) as threads:
        yield threads


def join(threads: ThreadPoolExecutor, commit: GroupCommit, *raws: bytes) -> Future[None]:
    """A POST in a thread of its own; returns once it is part of a commit."""
    told = Told(raws)
    posted = threads.submit(commit, told)
    assert told.joined.wait(TIMEOUT_S)
    return posted


def lead(threads: ThreadPoolExecutor, commit: GroupCommit, queue: Queue, *raws: bytes) -> Future[None]:
    """A POST whose commit is on its way: it has arrived at the queue's gate."""
    posted = join(threads, commit, *raws)
    assert queue.arrived.acquire(timeout=TIMEOUT_S)
    return posted


def test_a_post_alone_is_committed_at_once(queue: Queue) -> None:
    commit = GroupCommit([queue.put], MAX_BYTES, TIMEOUT_S)

    commit([b"1", b"2"])

    assert queue.messages == [[1, 2]]
    assert queue.counts == [2]


def test_posts_that_come_while_a_commit_is_under_way_share_the_next(queue: Queue, threads: ThreadPoolExecutor) -> None:
    commit = GroupCommit([queue.put], MAX_BYTES, TIMEOUT_S)
    queue.gate.clear()
    first = lead(threads, commit, queue, b"1")
    others = [join(threads, commit, raw) for raw in (b"2", b"3", b"4")]

    queue.gate.set()

    for posted in (first, *others):
        posted.result(TIMEOUT_S)
    assert queue.messages == [[1], [2, 3, 4]]


def test_nobody_hears_of_success_before_the_queue_has_it(queue: Queue, threads: ThreadPoolExecutor) -> None:
    commit = GroupCommit([queue.put], MAX_BYTES, TIMEOUT_S)
    queue.gate.clear()
    posted = [lead(threads, commit, queue, b"1"), join(threads, commit, b"2")]

    assert not any(each.done() for each in posted)
    queue.gate.set()
    for each in posted:
        each.result(TIMEOUT_S)


def test_as_many_commits_are_in_flight_as_there_are_publishers(queue: Queue, threads: ThreadPoolExecutor) -> None:
    commit = GroupCommit([queue.put, queue.put], MAX_BYTES, TIMEOUT_S)
    queue.gate.clear()

    in_flight = [lead(threads, commit, queue, b"1"), lead(threads, commit, queue, b"2")]
    waiting = join(threads, commit, b"3")

    assert not queue.arrived.acquire(blocking=False)
    queue.gate.set()
    for posted in (*in_flight, waiting):
        posted.result(TIMEOUT_S)
    assert sorted(queue.messages) == [[1], [2], [3]]


def test_a_forming_commit_takes_no_more_than_its_limit(queue: Queue, threads: ThreadPoolExecutor) -> None:
    commit = GroupCommit([queue.put], 100, TIMEOUT_S)
    queue.gate.clear()
    first = lead(threads, commit, queue, b"1")

    others = [join(threads, commit, b"2" * 60), join(threads, commit, b"3" * 60), join(threads, commit, b"4" * 200)]
    queue.gate.set()

    for posted in (first, *others):
        posted.result(TIMEOUT_S)
    assert sorted(queue.messages) == [[1], [int("2" * 60)], [int("3" * 60)], [int("4" * 200)]]


def test_when_the_queue_refuses_everyone_in_the_commit_is_told(queue: Queue, threads: ThreadPoolExecutor) -> None:
    commit = GroupCommit([queue.put], MAX_BYTES, TIMEOUT_S)
    queue.gate.clear()
    first = lead(threads, commit, queue, b"1")
    others = [join(threads, commit, raw) for raw in (b"2", b"3")]

    queue.error = QueueUnavailable("the disk is full")
    queue.gate.set()

    for posted in (first, *others):
        with pytest.raises(QueueUnavailable, match="the disk is full"):
            posted.result(TIMEOUT_S)


def test_after_a_refusal_the_publisher_is_used_again(queue: Queue) -> None:
    commit = GroupCommit([queue.put], MAX_BYTES, TIMEOUT_S)
    queue.error = QueueUnavailable()
    with pytest.raises(QueueUnavailable):
        commit([b"1"])

    queue.error = None
    commit([b"2"])

    assert queue.messages == [[2]]


def test_a_fault_of_our_own_leaves_nobody_waiting(queue: Queue, threads: ThreadPoolExecutor) -> None:
    commit = GroupCommit([queue.put], MAX_BYTES, TIMEOUT_S)
    queue.gate.clear()
    first = lead(threads, commit, queue, b"1")
    leader, follower = join(threads, commit, b"2"), join(threads, commit, b"3")

    queue.error = ZeroDivisionError()
    queue.gate.set()

    for posted, expected in ((first, ZeroDivisionError), (leader, ZeroDivisionError), (follower, QueueUnavailable)):
        with pytest.raises(expected):
            posted.result(TIMEOUT_S)


def test_a_queue_that_never_answers_is_waited_for_only_so_long(queue: Queue, threads: ThreadPoolExecutor) -> None:
    commit = GroupCommit([queue.put], MAX_BYTES, timeout_s=0.2)
    queue.gate.clear()
    stuck = lead(threads, commit, queue, b"1")

    leader, follower = join(threads, commit, b"2"), join(threads, commit, b"3")

    for posted in (leader, follower):
        with pytest.raises(QueueUnavailable, match="no connection to it became free in time"):
            posted.result(TIMEOUT_S)
    queue.gate.set()
    stuck.result(TIMEOUT_S)


def test_of_many_posts_at_once_each_event_enters_the_queue_once(queue: Queue, threads: ThreadPoolExecutor) -> None:
    commit = GroupCommit([queue.put] * 4, 50, TIMEOUT_S)

    posted = [threads.submit(commit, [b"%d" % (2 * n), b"%d" % (2 * n + 1)]) for n in range(500)]
    for each in posted:
        each.result(TIMEOUT_S)

    assert sorted(event for message in queue.messages for event in message) == list(range(1000))
    assert queue.counts == [len(message) for message in queue.messages]
