"""Sends counted events to other systems, by gRPC (contract: EventStream)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from time import monotonic

from coinslot import redisclient
from coinslot.analytics.settings import Target
from coinslot.integration.extra import prepare_grpc
from coinslot.integration.feeder import Feeder
from coinslot.integration.forwarded import Tally
from coinslot.integration.pipe import Pipe
from coinslot.integration.source import Event
from coinslot.keys import Keys
from coinslot.settings import Settings

REPORT_TIMEOUT_S = 1.0
CLOSE_TIMEOUT_S = 2.0


class EventStream:
    """To each target each event at most once, in the order they are sent in. No targets: `send` does nothing."""

    def __init__(self, feeders: Sequence[Feeder]) -> None:
        self._feeders = feeders

    def send(self, events: Sequence[Event]) -> None:
        """(namespace, name, user id) each. Never waits, never raises; what does not fit in the queue is dropped."""
        for feeder in self._feeders:
            feeder.put(events)

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Sends what it has, for so long at most, and ends the streams. Nothing may be sent after that."""
        by = monotonic() + timeout_s
        for feeder in self._feeders:
            feeder.close(by)
        for feeder in self._feeders:
            feeder.join()


def create_event_stream(settings: Settings) -> EventStream:
    """To EXTERNAL_GRPC_EVENT_TARGETS. Starts a thread and a process for each; none if there are none.

    Raises CannotStart without the extra `grpc`, if it is needed.
    """
    targets = settings.external_grpc_event_targets
    prepare_grpc("EXTERNAL_GRPC_EVENT_TARGETS", targets)
    client = redisclient.connect(settings.redis_url, timeout_s=REPORT_TIMEOUT_S)
    keys = Keys.of(settings.key_prefix)
    return EventStream(
        [
            Feeder(target.name, partial(Pipe, _command(target)), Tally(client, keys, target.name).add)
            for target in targets
        ]
    )


def _command(target: Target) -> list[str]:
    return [sys.executable, "-m", "coinslot.integration.sender", target.address]
