"""python -m tests.faults.hasty_worker: a worker that acknowledges before it writes, and is killed in between."""

import os
import signal

import worker.create as root
from coinslot.store import STORED
from worker.__main__ import main
from worker.batch import Batch
from worker.loop import Worker
from worker.settlement import Settled, tally


class HastyWorker(Worker):
    def _store_batch(self, batch: Batch) -> list[Settled] | None:
        self._settle_batch([tally(commit, [STORED] * len(commit.events), tried=False) for commit in batch.commits])
        os.kill(os.getpid(), signal.SIGKILL)
        return None


root.Worker = HastyWorker  # type: ignore[misc]
main()
