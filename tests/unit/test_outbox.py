"""The outbox: whoever puts an event in never waits, and what is dropped is counted."""

from __future__ import annotations

import logging

import pytest

from coinslot.errors import CoinslotError, QueueUnavailable
from coinslot.features.outbox import BATCH_EVENTS, Outbox


class Sent:
    """Takes what is sent, or fails as often as it is told to."""

    def __init__(self, *failures: CoinslotError) -> None:
        self.bodies: list[tuple[bytes, int]] = []
        self._failures = list(failures)

    def __call__(self, body: bytes, events: int) -> None:
        if self._failures:
            raise self._failures.pop()
        self.bodies.append((body, events))


def test_what_waits_is_sent_together_in_order() -> None:
    sent = Sent()
    outbox = Outbox(sent)
    for n in range(BATCH_EVENTS + 1):
        outbox.put(b"%d" % n)

    outbox.run_once()
    outbox.run_once()

    first = b"[" + b",".join(b"%d" % n for n in range(BATCH_EVENTS)) + b"]"
    assert sent.bodies == [(first, BATCH_EVENTS), (b"[%d]" % BATCH_EVENTS, 1)]
    assert outbox.dropped == 0


def test_what_finds_it_full_is_dropped_and_what_is_in_it_is_not() -> None:
    sent = Sent()
    outbox = Outbox(sent, max_events=2)

    for event in (b"1", b"2", b"3"):
        outbox.put(event)
    outbox.run_once()

    assert sent.bodies == [(b"[1,2]", 2)]
    assert outbox.dropped == 1


def test_what_cannot_be_sent_is_dropped_and_what_comes_next_is_sent() -> None:
    sent = Sent(QueueUnavailable())
    outbox = Outbox(sent)
    outbox.put(b"1")
    outbox.put(b"2")

    outbox.run_once()
    outbox.put(b"3")
    outbox.run_once()

    assert sent.bodies == [(b"[3]", 1)]
    assert outbox.dropped == 2


def test_drops_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    outbox = Outbox(Sent(), max_events=1)

    with caplog.at_level(logging.WARNING):
        for _ in range(1_001):
            outbox.put(b"1")

    assert outbox.dropped == 1_000
    assert 5 <= len(caplog.records) <= 10


def test_what_is_in_it_at_the_end_is_told(caplog: pytest.LogCaptureFixture) -> None:
    outbox = Outbox(Sent())
    outbox.end()
    outbox.put(b"1")

    with caplog.at_level(logging.WARNING):
        outbox.end()

    assert caplog.messages == ["1 analytic events were dropped, for the process ends"]
