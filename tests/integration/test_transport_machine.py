"""The queue transport under all that may happen to it, in any order, held against a model of what it must look like.

Each step is one thing that a publisher, a reader, Redis or somebody with redis-cli does; any of ours may lose its
connection at one of its requests, or at the reply. MACHINE_STEPS says how many steps (`make fuzz`); without it they are
few, and always the same.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import kombu
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from coinslot.keys import Keys
from coinslot.queue import Consumer
from coinslot.redisstreams.transport import Channel, Transport
from coinslot.settings import Settings
from coinslot.stack.servers import RedisServer
from tests.transport.cutter import Cutter
from tests.transport.machine import TransportMachine
from tests.transport.stage import Stage

STEPS_OF_AN_EXAMPLE = 50
FEW_EXAMPLES = 25
STEPS = int(os.environ.get("MACHINE_STEPS", "0"))

few = settings(
    max_examples=FEW_EXAMPLES,
    stateful_step_count=STEPS_OF_AN_EXAMPLE,
    derandomize=True,
    database=None,
    deadline=None,  # a machine may be busy
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """Without a file: it is emptied all the time, and never killed."""
    server = RedisServer(tmp_path, appendonly="no")
    server.start()
    server.wait_ready()
    yield server
    server.stop()


@pytest.fixture
def wire(server: RedisServer) -> Iterator[Cutter]:
    with Cutter(server.port) as wire:
        yield wire


class Progress:
    """Counts steps; shows them where somebody may be looking (`pytest -s`)."""

    def __init__(self) -> None:
        self.steps = self.examples = 0
        self._began = monotonic()

    def machine(self, server: RedisServer, wire: Cutter) -> TransportMachine:
        self.examples += 1
        return TransportMachine(Stage(server, wire), self._step)

    def _step(self) -> None:
        self.steps += 1
        if STEPS and sys.stdout.isatty() and self.steps % 10 == 0:
            print(f"\r{self.steps:,} of {STEPS:,} steps", end="", flush=True)

    def tell(self) -> None:
        print(f"\n{self.steps:,} steps in {self.examples:,} examples, {monotonic() - self._began:.0f} s")


def test_whatever_happens_nothing_is_lost_or_settled_twice_and_all_is_as_the_model_says(
    server: RedisServer, wire: Cutter
) -> None:
    progress = Progress()
    machine = partial(progress.machine, server, wire)

    if not STEPS:
        run_state_machine_as_test(machine, settings=few)
    while progress.steps < STEPS:
        examples = -(-(STEPS - progress.steps) // STEPS_OF_AN_EXAMPLE)
        run_state_machine_as_test(machine, settings=settings(few, max_examples=examples, derandomize=False))
    if STEPS:
        progress.tell()

    assert progress.steps >= (STEPS or FEW_EXAMPLES)


class AcknowledgesWhatItReads(Channel):
    def _read(self, queues: Sequence[str], count: int, wait_s: float) -> list[tuple[str, dict[str, Any]]]:
        payloads = super()._read(queues, count, wait_s)
        for queue, payload in payloads:
            self.acknowledge(queue, payload["properties"]["delivery_tag"])
        return payloads


class ForgetsToCount(Channel):
    def _redeliver(self, queues: Sequence[str]) -> bool:
        delivered = super()._redeliver(queues)
        if delivered:
            self.excuse()
        return delivered


class ReadsTheLatestFirst(Channel):
    def _read(self, queues: Sequence[str], count: int, wait_s: float) -> list[tuple[str, dict[str, Any]]]:
        return super()._read(queues, count, wait_s)[::-1]


class HandsNothingBack(Channel):
    def hand_back(self, held: object) -> None:
        """Whoever comes after waits until it is idle."""


def consumer_of(channel: type[Channel], settings: Settings) -> Consumer:
    """As the broker makes it, on another channel."""
    options = {"redis_url": settings.redis_url, "claim_idle_s": settings.claim_idle_s, "claim_every_s": 1e-9}
    transport = type("BrokenTransport", (Transport,), {"Channel": channel})
    name = Keys.of(settings.key_prefix).queue
    queue = kombu.Queue(name, exchange=kombu.Exchange(""), routing_key=name)
    return Consumer(
        lambda: kombu.Connection(transport=transport, transport_options=options).ensure_connection(max_retries=0),
        queue,
        prefetch=settings.batch_max_events,
    )


@pytest.mark.parametrize("channel", [AcknowledgesWhatItReads, ForgetsToCount, ReadsTheLatestFirst, HandsNothingBack])
def test_positive_control_a_transport_that_is_broken_is_found_out(
    server: RedisServer, wire: Cutter, channel: type[Channel]
) -> None:
    quick = settings(few, phases=[Phase.generate])  # any way to see it will do, not only the shortest

    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            lambda: TransportMachine(Stage(server, wire, partial(consumer_of, channel))), settings=quick
        )


def test_positive_control_the_same_without_a_fault_is_not(server: RedisServer, wire: Cutter) -> None:
    run_state_machine_as_test(
        lambda: TransportMachine(Stage(server, wire, partial(consumer_of, Channel))),
        settings=settings(few, max_examples=3),
    )
