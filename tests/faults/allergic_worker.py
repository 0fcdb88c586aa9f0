"""python -m tests.faults.allergic_worker: a worker that is killed by a message with an event that it cannot bear.

$ALLERGY says when: `open`, as it looks into the message, or `store`, when that is in a batch with others.
"""

import os
import signal
from typing import Any

import worker.batch as batches
import worker.create as root
from coinslot.events import Event
from worker.__main__ import main
from worker.loop import Worker

MARK = b'"deadly":true'


def killed_by(raw: bytes) -> None:
    if MARK in raw:
        os.kill(os.getpid(), signal.SIGKILL)


def allergic_trusted(body: bytes, *arguments: Any) -> list[Event]:
    killed_by(body)
    return trusted(body, *arguments)


class AllergicWorker(Worker):
    def _store_batch(self, batch: batches.Batch) -> Any:
        for event in batch.events:
            killed_by(event.raw)
        return super()._store_batch(batch)


trusted = batches.trusted
if os.environ["ALLERGY"] == "open":
    batches.trusted = allergic_trusted
else:
    root.Worker = AllergicWorker  # type: ignore[misc]
main()
