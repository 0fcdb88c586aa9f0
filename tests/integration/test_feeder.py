"""What feeds a gRPC target: the process that it feeds may end, hang or not start, and every event is accounted for."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from time import monotonic

import pytest

from coinslot import redisclient
from coinslot.errors import QueueUnavailable
from coinslot.integration.feeder import QUEUE_MAX_EVENTS, Feeder
from coinslot.integration.forwarded import Forwarded, Tally, read_forwarded
from coinslot.integration.pipe import Pipe
from coinslot.keys import Keys
from coinslot.stack.servers import RedisServer
from tests.target import PATIENCE_S, GrpcTarget

ENDS = ["true"]
ENDS_AFTER_A_LINE = ["sh", "-c", "read line"]
HANGS = ["sleep", "1000"]
IS_NOT_THERE = ["/no/such/program"]
KEYS = Keys.of("test")


class Feeding:
    """A feeder that starts these commands in turn, the last of them for ever."""

    def __init__(self, *commands: list[str]) -> None:
        self._commands = list(commands)
        self.starting = threading.Semaphore(0)
        self.sent = self.dropped = 0
        self.feeder = Feeder("other", self._start, self._report)

    def close(self, timeout_s: float = PATIENCE_S) -> None:
        self.feeder.close(monotonic() + timeout_s)
        self.feeder.join()

    def _start(self) -> Pipe:
        self.starting.release()
        return Pipe(self._commands.pop(0) if len(self._commands) > 1 else self._commands[0])

    def _report(self, sent: int, dropped: int) -> None:
        self.sent += sent
        self.dropped += dropped


@pytest.fixture
def target() -> Iterator[GrpcTarget]:
    with GrpcTarget() as target:
        yield target


def sender(target: GrpcTarget) -> list[str]:
    return [sys.executable, "-m", "coinslot.integration.sender", target.target.address]


def events(number: int) -> list[tuple[str, str, str]]:
    return [("shop", "visit", f"user {n}") for n in range(number)]


@pytest.mark.parametrize("broken", [ENDS, ENDS_AFTER_A_LINE, IS_NOT_THERE])
def test_a_sender_that_ends_is_started_again(target: GrpcTarget, broken: list[str]) -> None:
    feeding = Feeding(broken, sender(target))
    feeding.feeder.put(events(3))
    assert feeding.starting.acquire(timeout=PATIENCE_S)
    assert feeding.starting.acquire(timeout=PATIENCE_S)

    feeding.feeder.put([("shop", "visit", "ann")])
    feeding.close()

    assert target.events.queue[-1] == ("shop", "visit", "ann")
    assert feeding.sent == target.events.qsize()
    assert feeding.sent + feeding.dropped == 4


def test_what_a_sender_had_when_it_ended_is_dropped() -> None:
    feeding = Feeding(ENDS_AFTER_A_LINE)
    feeding.feeder.put(events(3))

    feeding.close()

    assert (feeding.sent, feeding.dropped) == (0, 3)


def test_one_that_hangs_is_killed_when_it_is_time() -> None:
    feeding = Feeding(HANGS)
    feeding.feeder.put(events(2 * QUEUE_MAX_EVENTS))

    feeding.close(0.2)

    assert (feeding.sent, feeding.dropped) == (0, 2 * QUEUE_MAX_EVENTS)


def test_the_end_of_the_one_who_feeds_is_the_end_of_the_sender(target: GrpcTarget) -> None:
    feeds = (
        "import os, sys; from coinslot.integration.pipe import Pipe; "
        "pipe = Pipe(sys.argv[1:]); pipe.put([('shop', 'visit', 'ann')]); pipe.write(10); "
        "sys.stdin.read(); os._exit(9)"
    )
    process = subprocess.Popen([sys.executable, "-c", feeds, *sender(target)], stdin=subprocess.PIPE)
    target.arrived(1)

    process.communicate()  # as if killed: it closes nothing

    assert process.returncode == 9
    assert target.finished.acquire(timeout=PATIENCE_S)


def test_figures_that_cannot_be_written_are_written_later(redis_of_its_own: RedisServer) -> None:
    client = redisclient.connect(redis_of_its_own.url, timeout_s=2.0)
    tally = Tally(client, KEYS, "other")
    tally.add(1, 10)
    redis_of_its_own.kill()
    tally.add(2, 20)
    with pytest.raises(QueueUnavailable):
        read_forwarded(client, KEYS)
    redis_of_its_own.start()
    redis_of_its_own.wait_ready()

    tally.add(3, 30)

    assert read_forwarded(client, KEYS) == {"other": Forwarded(6, 60)}


def test_figures_are_of_all_workers_and_of_each_target(redis_url: str, prefix: str) -> None:
    client, keys = redisclient.connect(redis_url, timeout_s=2.0), Keys.of(prefix)
    client.hset(keys.counted, "something_else", "no number")

    for name, sent, dropped in (("a", 1, 2), ("a", 10, 20), ("b:c", 5, 0)):
        Tally(client, keys, name).add(sent, dropped)

    assert read_forwarded(client, keys) == {"a": Forwarded(11, 22), "b:c": Forwarded(5, 0)}
