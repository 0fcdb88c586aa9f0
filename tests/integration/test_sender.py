"""The sender: one gRPC target and its connection, which may die in all ways; the process that it is, and its end."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from coinslot.integration.channel import open_channel
from coinslot.integration.sender import Sender
from coinslot.integration.source import Event, Source
from tests.faults.proxy import Proxy
from tests.target import PATIENCE_S, GrpcTarget, absent

ANN, BOB = ("shop", "visit", "ann"), ("shop", "visit", "bob")


class Sending:
    """A sender in threads of this process, with a pause between calls that is none."""

    def __init__(self, address: str, **limits_ms: int) -> None:
        self._batches: queue.Queue[list[Event]] = queue.Queue(1)  # so that `send` waits for the target
        self.sent = 0
        source, self._channel = Source(), open_channel(address, **limits_ms)
        sender = Sender(self._channel, source, self._count, lambda _: None)
        self._threads = [
            threading.Thread(target=source.read, args=[iter(self._batches.get, [])]),
            threading.Thread(target=sender.run),
        ]
        for thread in self._threads:
            thread.start()

    def send(self, *events: Event) -> None:
        self._batches.put(list(events))

    def close(self) -> None:
        self._batches.put([])
        for thread in self._threads:
            thread.join(PATIENCE_S)
        self._channel.close()

    def _count(self, sent: int) -> None:
        self.sent += sent


@contextmanager
def sending(address: str, **limits_ms: int) -> Iterator[Sending]:
    one = Sending(address, **limits_ms)
    try:
        yield one
    finally:
        one.close()


def test_a_connection_that_went_silent_is_found_and_another_one_made() -> None:
    with (
        GrpcTarget() as target,
        Proxy(f"http://{target.target.address}") as proxy,
        sending(proxy.url.removeprefix("http://"), keepalive_time_ms=500, silent_ms=500) as sender,
    ):
        sender.send(ANN)
        before = target.arrived(1)
        assert target.called.acquire(timeout=PATIENCE_S)
        proxy.swallow()  # nobody is told
        proxy.heal(late=False)

        assert target.called.acquire(timeout=PATIENCE_S)
        sender.send(BOB)
        after = target.arrived(1)

    assert [before, after] == [[ANN], [BOB]]


def test_whatever_dies_no_event_arrives_twice_or_before_an_earlier_one() -> None:
    numbers = iter(range(1_000_000))
    arrived: list[int] = []
    port = absent().port
    with sending(f"127.0.0.1:{port}") as sender:
        for _ in range(4):
            with GrpcTarget(port=port) as target:
                while target.events.qsize() < 50:
                    sender.send(("shop", "visit", str(next(numbers))))
            arrived += [int(key) for _, _, key in target.events.queue]

    assert len(arrived) >= 200
    assert arrived == sorted(set(arrived))


@pytest.mark.parametrize("written", [b"", b'[["shop","visit","ann"]]\n', b'[["shop","vis'])
def test_the_end_of_the_input_ends_the_process_though_the_target_is_absent(written: bytes) -> None:
    command = [sys.executable, "-m", "coinslot.integration.sender", absent().address]

    process = subprocess.run(command, input=written, capture_output=True, timeout=PATIENCE_S)

    assert (process.returncode, process.stdout, process.stderr) == (0, b"", b"")
