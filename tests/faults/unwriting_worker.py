"""python -m tests.faults.unwriting_worker: a worker that says all is stored, and writes nothing."""

import worker.create as root
from coinslot.store import STORED, Outcome
from worker.__main__ import main
from worker.batch import Batch
from worker.loop import Worker


class UnwritingWorker(Worker):
    def _insert(self, batch: Batch) -> list[Outcome] | None:
        return [STORED] * len(batch.events)


root.Worker = UnwritingWorker  # type: ignore[misc]
main()
