"""python -m tests.faults.retrying_front: a front that publishes again what failed, as redis.Redis does by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ingest.app
from coinslot import server
from coinslot.errors import QueueUnavailable
from coinslot.queue import Broker
from front import create_site

TRIES = 3


class Retrying(Broker):
    def publisher(self) -> Any:
        publish: Callable[[bytes, int], None] = super().publisher()

        def again(body: bytes, events: int, tries: int = TRIES) -> None:
            try:
                publish(body, events)
            except QueueUnavailable:
                if tries == 1:
                    raise
                again(body, events, tries - 1)

        return again


ingest.app.Broker = Retrying  # type: ignore[misc]

if __name__ == "__main__":
    server.main(create_site)
