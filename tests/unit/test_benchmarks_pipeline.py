"""What could be wrong quietly in the benchmarks of the pipeline: what they post, count and time."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import msgspec
import pytest

from benchmarks.benchmark import Invalid
from benchmarks.http.event import EVENT
from benchmarks.pipeline import sign_ins, visits
from benchmarks.pipeline.child import Child
from benchmarks.pipeline.crowd import Crowd
from benchmarks.pipeline.pace import Pace
from benchmarks.pipeline.percentiles import percentile
from benchmarks.pipeline.witness import Told, parse
from coinslot.analytics.event import decode_all
from coinslot.events import trusted

BEGIN = b"HTTP/1.1 200 OK\r\n\r\nevent: cursor\nid: 0-0\ndata: {}\n\n"
FRAME = b'id: 1-0\ndata: {"due_ns":17,"mark":"~"}\n\n'
CREATED, REFUSED = b"HTTP/1.1 201 Created\r\n\r\n", b"HTTP/1.1 503 Service Unavailable\r\n\r\n"
EVERYWHERE = frozenset(os.sched_getaffinity(0))


@contextmanager
def server(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """Talks to each that connects, in a thread of its own; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):  # closed
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=hold, args=(connection,), daemon=True).start()

        def hold(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                talk(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def follow(*frames: bytes, stays: bool = True) -> Callable[[socket.socket], None]:
    """A server's part in a stream, byte by byte."""

    def talk(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(BEGIN)
        time.sleep(0.1)
        for byte in b"".join(frames):
            connection.send(bytes([byte]))
        if stays:
            connection.recv(1)

    return talk


def answer(status: bytes, pause_s: float = 0) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        while connection.recv(4096):
            time.sleep(pause_s)
            connection.sendall(status)

    return talk


def event(number: int, due_ns: int) -> bytes:
    return b"{}"


def test_a_percentile_is_the_least_value_that_is_no_less_than_so_many_percent() -> None:
    values = [float(value) for value in range(200, 0, -1)]

    assert [percentile(values, percent) for percent in (1, 50, 99, 100)] == [2, 100, 198, 200]
    assert percentile([7.0], 50) == percentile([7.0], 99) == 7
    assert percentile([1.0, 2.0, 3.0], 50) == 2


def test_sign_ins_are_all_as_long_as_the_one_and_none_is_like_another() -> None:
    raws = [sign_ins.raw(number) for number in range(3000)]

    assert {len(raw) for raw in raws} == {len(EVENT)}
    assert len({raw[raw.index(b",") :] for raw in raws}) > 2990
    assert msgspec.json.decode(raws[7]) == sign_ins.fields(7)
    assert sign_ins.ndjson(3, 2) == raws[3] + b"\n" + raws[4]


def test_sign_ins_as_ingest_accepts_them_are_events_with_ids_of_their_own() -> None:
    events = trusted(b"[" + b",".join(sign_ins.accepted(5, 10)) + b"]")

    assert [each.fields["timestamp"] for each in events] == [sign_ins.FIRST_MS + number for number in range(5, 15)]
    assert len({each.id for each in events}) == 10


def test_every_other_visit_is_the_users_first_to_its_part_of_the_site() -> None:
    raws = [*visits.raws(20_000)]

    events = decode_all(b"[%b]" % b",".join(raws))
    firsts = {(each.user_id, each.event_name) for each in events}
    assert 0.45 < len(firsts) / len(raws) < 0.55
    assert len({each.event_name for each in events}) == visits.PARTS
    assert visits.GOAL in {each.event_name for each in events}


def test_a_crowd_counts_each_delivery_once_however_the_bytes_come() -> None:
    with server(follow(FRAME, FRAME, b": ping\n\n", FRAME)) as port, Crowd(port) as crowd:
        crowd.join(3, timeout_s=5)
        crowd.receive(9, timeout_s=5)

        with pytest.raises(Invalid, match="1 of 1 deliveries are missing"):
            crowd.receive(1, timeout_s=0.2)

    assert (crowd.deliveries, crowd.gone) == (9, 0)


def test_positive_control_a_crowd_notices_who_is_let_go() -> None:
    with server(follow(FRAME, stays=False)) as port, Crowd(port) as crowd:
        crowd.join(2, timeout_s=5)

        with pytest.raises(Invalid, match="followers are gone"):
            crowd.receive(4, timeout_s=5)


def test_a_pace_posts_each_event_when_it_is_due_and_times_it_from_then() -> None:
    due_ns: list[int] = []

    def noted(number: int, due: int) -> bytes:
        due_ns.append(due)
        return b"{}"

    with server(answer(CREATED)) as port, Pace(port, 1000, noted) as pace:
        began = time.monotonic_ns()
        first_ns = pace.run(100)
        took_ns = time.monotonic_ns() - began

    assert due_ns == [first_ns + number * 1_000_000 for number in range(100)]
    assert took_ns >= 99_000_000
    assert len(pace.answers_ns) == 100


def test_positive_control_a_server_that_is_too_slow_for_the_pace_falls_behind() -> None:
    with server(answer(CREATED, pause_s=0.05)) as port, Pace(port, 1000, event) as pace:
        pace.run(100)

    # 16 connections take 320 a second: the hundredth event, due after 0.1 s, is sent after 0.3 s.
    assert max(pace.answers_ns) > 150_000_000


def test_a_pace_stops_at_the_first_refusal() -> None:
    with server(answer(REFUSED)) as port, Pace(port, 1000, event) as pace, pytest.raises(Invalid, match="503"):
        pace.run(10)


def test_a_witness_notes_every_event_with_when_it_was_due_and_came() -> None:
    with server(follow(FRAME, FRAME)) as port, Child("benchmarks.pipeline.witness", port, cpus=EVERYWHERE) as child:
        began = time.monotonic_ns()
        child.go()
        told = parse(child.result())

    assert [each.due_ns for each in told] == [17, 17]
    assert all(began < each.came_ns < time.monotonic_ns() for each in told)


def test_what_a_witness_said_is_read_as_it_was_said() -> None:
    assert parse(["17 23", "18 24"]) == [Told(17, 23), Told(18, 24)]


def test_a_child_that_fails_makes_the_round_invalid() -> None:
    with pytest.raises(Invalid, match="ended at its start"), Child("benchmarks.no_such", cpus=EVERYWHERE):
        pass
