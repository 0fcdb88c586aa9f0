"""Counted events are sent to other systems by gRPC; whatever these do, the one that counts is not held up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from coinslot import redisclient
from coinslot.analytics.settings import Target
from coinslot.integration.event_stream import EventStream, create_event_stream
from coinslot.integration.feeder import QUEUE_MAX_EVENTS
from coinslot.integration.forwarded import Forwarded, read_forwarded
from coinslot.keys import Keys
from coinslot.settings import Settings
from tests.target import PATIENCE_S, GrpcTarget, absent

Event = tuple[str, str, str]
Figures = Callable[[], dict[str, Forwarded]]


def events(number: int, name: str = "visit") -> list[Event]:
    return [("shop", name, f"user {n}") for n in range(number)]


@contextmanager
def streaming(settings: Settings, close_s: float = PATIENCE_S) -> Iterator[EventStream]:
    stream = create_event_stream(settings)
    try:
        yield stream
    finally:
        stream.close(close_s)


@pytest.fixture
def to(redis_url: str, prefix: str) -> Callable[..., Settings]:
    """Settings with these targets."""

    def to(*targets: Target) -> Settings:
        return Settings.load(redis_url=redis_url, key_prefix=prefix, external_grpc_event_targets=targets)

    return to


@pytest.fixture
def figures(redis_url: str, prefix: str) -> Figures:
    return lambda: read_forwarded(redisclient.connect(redis_url, timeout_s=2.0), Keys.of(prefix))


def test_every_event_arrives_at_every_target_whole_and_in_order(to: Callable[..., Settings], figures: Figures) -> None:
    sent = [("shop", "visit:é", "ann"), ("", "", ""), *events(2000)]

    with GrpcTarget("one") as one, GrpcTarget("two") as two, streaming(to(one.target, two.target)) as stream:
        stream.send(sent[:2])
        stream.send(sent[2:])
        arrived = [target.arrived(len(sent)) for target in (one, two)]

    assert arrived == [sent, sent]
    assert figures() == {"one": Forwarded(len(sent), 0), "two": Forwarded(len(sent), 0)}


def test_closing_sends_what_there_is_and_takes_the_answer(to: Callable[..., Settings]) -> None:
    with GrpcTarget() as target:
        with streaming(to(target.target)) as stream:
            stream.send(events(100))

        assert target.events.qsize() == 100
        assert target.finished.acquire(timeout=PATIENCE_S)


def test_a_target_that_reads_nothing_holds_up_nobody_and_what_does_not_fit_is_dropped(
    to: Callable[..., Settings], figures: Figures
) -> None:
    sent = 20 * QUEUE_MAX_EVENTS
    with GrpcTarget("slow") as slow, GrpcTarget("quick") as quick:
        slow.reads.clear()  # until the end of the test: were `send` to wait for it, it would not return
        with streaming(to(slow.target, quick.target), close_s=1.0) as stream:
            for _ in range(20):
                stream.send(events(QUEUE_MAX_EVENTS))
            quick.arrived(1000)

    assert sum(figures()["slow"]) == sum(figures()["quick"]) == sent
    assert figures()["slow"].dropped > sent / 2


def test_one_that_dies_gets_what_is_sent_after_it_is_back(to: Callable[..., Settings]) -> None:
    with GrpcTarget("dying") as dying, streaming(to(dying.target), close_s=1.0) as stream:
        stream.send(events(10, "before"))
        before = dying.arrived(10)
        dying.stop()
        with GrpcTarget("dying", dying.target.port) as back:
            assert back.called.acquire(timeout=PATIENCE_S)
            stream.send(events(10, "after"))
            after = back.arrived(10)

    assert before == events(10, "before")
    assert after == events(10, "after")


def test_one_that_ends_each_call_is_called_again(to: Callable[..., Settings]) -> None:
    with GrpcTarget("refusing") as target:
        target.refuses = True
        with streaming(to(target.target), close_s=1.0) as stream:
            assert target.called.acquire(timeout=PATIENCE_S)
            target.refuses = False
            assert target.called.acquire(timeout=PATIENCE_S)
            stream.send(events(3))

            assert target.arrived(3) == events(3)


def test_one_that_is_absent_gets_what_is_queued_when_it_comes(to: Callable[..., Settings]) -> None:
    target = absent("late")

    with streaming(to(target)) as stream:
        stream.send(events(100))
        with GrpcTarget("late", target.port) as late:
            arrived = late.arrived(100)

    assert arrived == events(100)


def test_closing_with_a_target_that_is_absent_ends_and_counts_what_is_lost(
    to: Callable[..., Settings], figures: Figures, caplog: pytest.LogCaptureFixture
) -> None:
    stream = create_event_stream(to(absent()))
    stream.send(events(100))

    stream.close(0.5)

    assert figures() == {"absent": Forwarded(0, 100)}
    assert caplog.messages == ["gRPC target absent: 100 events dropped, 0 sent, of late"]


def test_no_targets_and_nothing_is_done(to: Callable[..., Settings], figures: Figures) -> None:
    with streaming(to()) as stream:
        stream.send(events(3))

    assert figures() == {}
