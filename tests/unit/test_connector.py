"""Connections that take longer than anybody waits for them."""

from __future__ import annotations

import threading

import pytest

from coinslot.queue.connector import Connector

WAIT_S = 5.0


class Slow:
    """Connects when it is let, with what the numbers say; notes what was closed."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.begun = 0
        self.closed: list[int] = []
        self.ended = threading.Event()

    def connect(self) -> int:
        self.begun += 1
        assert self.let.wait(WAIT_S)
        return self.begun

    def close(self, connection: int) -> None:
        self.closed.append(connection)
        self.ended.set()


def test_who_comes_later_gets_the_connection_that_an_earlier_one_did_not_wait_for() -> None:
    slow = Slow()
    connector = Connector(slow.connect, slow.close)

    with pytest.raises(TimeoutError):
        connector.get(0.01)
    with pytest.raises(TimeoutError):
        connector.get(0.01)
    slow.let.set()

    assert connector.get(WAIT_S) == 1
    assert connector.get(WAIT_S) == 2


def test_a_connection_that_cannot_be_made_says_why_and_is_tried_again() -> None:
    answers = iter([1])

    def connect() -> int:
        for answer in answers:
            raise ConnectionError(str(answer))
        return 2

    connector = Connector(connect, lambda _: None)

    with pytest.raises(ConnectionError):
        connector.get(WAIT_S)
    assert connector.get(WAIT_S) == 2


def test_a_connection_that_is_made_after_the_end_is_closed() -> None:
    slow = Slow()
    connector = Connector(slow.connect, slow.close)

    with pytest.raises(TimeoutError):
        connector.get(0.01)
    connector.close()
    slow.let.set()

    assert slow.ended.wait(WAIT_S)
    assert slow.closed == [1]
