"""The thread that the counting loop runs in, beside the loop that stores."""

from __future__ import annotations

import logging
import threading

from worker.counting.loop import Counting

log = logging.getLogger("coinslot.worker.counting")


class CountingThread(threading.Thread):
    """Runs the loop until it ends. Should a fault of ours end it, then the process ends, too, and is started again."""

    def __init__(self, counting: Counting, stop: threading.Event) -> None:
        super().__init__(name="counting", daemon=True)  # should it hang, then not at the end
        self._counting = counting
        self._stop_all = stop
        self.failed = False

    def run(self) -> None:
        try:
            self._counting.run()
        except Exception:
            self.failed = True
            log.exception("counting has failed, so this worker stops")
        finally:
            self._stop_all.set()
