"""How `coinslot send` cuts batches smaller, and how many it has in flight."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from coinslot.cli.lines import Fault, Line
from coinslot.cli.send import IN_FLIGHT, in_flight, post
from coinslot.client.answers import Refused, Rejection, Saved


class SmallServer:
    """Takes at most so many events at once, and none that say `bad` or `huge`."""

    def __init__(self, max_events: int) -> None:
        self.max_events = max_events
        self.posts: list[int] = []

    def save(self, posted: list[bytes]) -> Saved:
        self.posts.append(len(posted))
        if len(posted) > self.max_events or b"huge" in posted:
            raise Refused(413, "too large")
        bad = [Rejection(index, "timestamp is missing") for index, line in enumerate(posted) if line == b"bad"]
        return Saved([line.decode() for line in posted if line != b"bad"], bad)


def batch(*events: bytes) -> list[Line]:
    return [Line(f"hits.ndjson:{number}", event) for number, event in enumerate(events, 1)]


def test_a_rejected_event_is_named_by_its_place_in_the_file() -> None:
    sent = post(SmallServer(10).save, batch(b"a", b"bad", b"c"))

    assert sent.accepted == 2
    assert sent.faults == [Fault("hits.ndjson:2", "timestamp is missing")]


def test_a_batch_too_large_for_the_server_is_sent_in_halves() -> None:
    server = SmallServer(2)

    sent = post(server.save, batch(b"a", b"b", b"c", b"d", b"bad"))

    assert sent.accepted == 4
    assert sent.faults == [Fault("hits.ndjson:5", "timestamp is missing")]
    assert max(server.posts[1:]) < server.posts[0]


def test_an_event_too_large_for_the_server_costs_no_other() -> None:
    sent = post(SmallServer(10).save, batch(b"a", b"huge", b"c"))

    assert sent.accepted == 2
    assert sent.faults == [Fault("hits.ndjson:2", "too large")]


def test_another_refusal_is_no_fault_of_the_events() -> None:
    def save(posted: list[bytes]) -> Saved:
        raise Refused(404, "not found")

    with pytest.raises(Refused):
        post(save, batch(b"a"))


def test_no_more_than_so_many_are_in_flight_and_all_come_back_in_order() -> None:
    taken: list[int] = []
    gate = threading.Semaphore(0)

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    def work(item: int) -> int:
        assert gate.acquire(timeout=10)
        return item

    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        results = in_flight(pool, work, items())
        gate.release(IN_FLIGHT)
        first = next(results)
        taken_meanwhile = len(taken)
        gate.release(100)
        rest = list(results)

    assert taken_meanwhile == IN_FLIGHT
    assert [first, *rest] == list(range(100))
