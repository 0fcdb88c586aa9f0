"""The loop that counts, with a queue and a step that do as they are told: how it ends, what it does with trouble."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from kombu.message import Message

from coinslot.analytics.rules import Rules
from coinslot.errors import QueueUnavailable, StoreUnavailable
from tests.unit.test_batcher import message
from worker.counting.loop import Counting
from worker.counting.step import Counted
from worker.counting.thread import CountingThread

EVENTS = [b'{"event_name":"seen","user_id":"%d"}' % user for user in range(3)]
ALL = 100  # as many messages as there are


class Queue:
    """A consumer: each connection brings, in one read, all that was not let go of. Notes what happened, in order."""

    def __init__(self, *events: bytes) -> None:
        self.inbox: deque[Message] = deque()
        self.happened: list[str] = []
        self.refuses_to_let_go = False
        self._left = [message(event) for event in events]
        self._is_connected = False

    def read(self, timeout_s: float) -> None:
        if not self._is_connected:
            self._is_connected = True
            self.inbox.extend(self._left)

    def let_go(self, message: Message) -> None:
        if self.refuses_to_let_go:
            raise QueueUnavailable()
        self._left.remove(message)

    def close(self) -> None:
        self.happened.append("close")
        self.inbox.clear()
        self._is_connected = False

    def __getattr__(self, name: str) -> Callable[[], None]:
        """keep, excuse, abandon, read_abandoned."""
        return lambda: self.happened.append(name)


class Stub:
    """A step that does what is next of `answers`, or else counts all; and all else that the loop is handed."""

    def __init__(self, queue: Queue, *answers: Counted | Exception, restore: Exception | None = None) -> None:
        self.answers = list(answers)
        self.pauses_s: list[float] = []
        self.told: list[str] = []
        self.stop = threading.Event()
        self._restores = restore
        consumer: Any = queue
        step: Any = self.step
        self.counting = Counting(
            consumer,
            step,
            Rules([]),
            None,
            self.restore,
            lambda events: self.told.extend(user for _, _, user in events),
            self.stop.is_set,
            self.pauses_s.append,
            lambda: queue.happened.append("reconnect"),
            max_deliveries=5,
        )

    def step(self, *_: object) -> Counted:
        answer = self.answers.pop(0) if self.answers else Counted(ALL, "")
        if not self.answers:
            self.stop.set()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def restore(self) -> None:
        if self._restores:
            raise self._restores


@pytest.mark.parametrize("hindrance", ["early", "restore"])
def test_told_to_stop_while_it_waits_it_hands_back_what_it_has_read(hindrance: Any) -> None:
    queue = Queue(*EVENTS)
    stub = Stub(queue, Counted(1, hindrance))

    stub.counting.run()

    assert stub.told == ["0"]
    assert queue.happened[-1] == "close"


@pytest.mark.parametrize("trouble", [QueueUnavailable(), StoreUnavailable()])
def test_told_to_stop_while_it_cannot_restore_it_stops(trouble: Exception) -> None:
    queue = Queue(*EVENTS)

    Stub(queue, Counted(0, "restore"), restore=trouble).counting.run()

    assert queue.happened[-1] == "close"


def test_trouble_is_waited_out_on_new_connections_with_what_was_read() -> None:
    queue = Queue(*EVENTS)
    stub = Stub(queue, *[QueueUnavailable()] * 3, Counted(ALL, ""))

    stub.counting.run()

    assert stub.pauses_s == [0.1, 0.2, 0.4]
    assert queue.happened.count("reconnect") == 3
    assert stub.told == ["0", "1", "2"]


def test_what_was_counted_and_cannot_be_acknowledged_comes_again_with_all_that_was_read_after_it() -> None:
    queue = Queue(*EVENTS)
    stub = Stub(queue, Counted(1, ""), Counted(ALL, ""))
    queue.refuses_to_let_go = True
    stub.counting.run_once()
    queue.refuses_to_let_go = False

    stub.counting.run_once()

    assert queue.happened == ["keep", "close", "reconnect", "keep"]
    assert stub.told == ["0", "1", "2"]


def test_a_fault_of_ours_ends_it_and_hands_nothing_back_so_that_the_delivery_counts() -> None:
    queue = Queue(*EVENTS)
    stub = Stub(queue, ValueError("ours"))

    with pytest.raises(ValueError, match="ours"):
        stub.counting.run()

    assert queue.happened == ["keep", "abandon", "close"]


@pytest.mark.parametrize(("answer", "failed"), [(Counted(ALL, ""), False), (ValueError("ours"), True)])
def test_the_thread_says_whether_it_failed_and_ends_the_process_with_it(
    answer: Counted | Exception, failed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    stop = threading.Event()
    thread = CountingThread(Stub(Queue(*EVENTS), answer).counting, stop)

    thread.start()
    thread.join(5)

    assert (thread.is_alive(), stop.is_set(), thread.failed) == (False, True, failed)
    assert ("so this worker stops" in caplog.text) == failed


def test_a_thread_that_hangs_keeps_no_process_from_ending() -> None:
    assert CountingThread(Stub(Queue()).counting, threading.Event()).daemon
