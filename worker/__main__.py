"""python -m worker: the composition root of the worker. It banks events, and counts analytic ones in another thread.

Exit status: 0 it was told to stop; 1 a fault of ours ended it; 2 it cannot start; 3 so many events died that it
stopped. Started again after that, it waits until somebody has resumed.
"""

from __future__ import annotations

import gc
import logging
import sys
import threading
from time import monotonic

from coinslot.errors import Halted
from coinslot.integration.event_stream import create_event_stream
from coinslot.settings import Settings
from coinslot.signals import on_stop
from coinslot.start import starting
from coinslot.store import open_store
from worker.counting.thread import CountingThread
from worker.create import create_counting, create_persister, create_retention, create_worker

log = logging.getLogger("coinslot.worker")

FAILED, HALTED = 1, 3
ENDS_S = 5.0  # what is not counted by then is counted again, and what is not persisted is so later
# More than a batch usually makes of its events, which go with it: to look through them finds nothing.
COLLECT_AT_OBJECTS = 50_000


def main() -> None:
    stop = threading.Event()
    on_stop(stop.set)
    with starting():
        settings = Settings.load()
        store = open_store(settings)
        worker, retention = create_worker(settings, store, stop), create_retention(settings, store, stop)
        restore, persister = create_persister(settings, store, stop)
        stream = create_event_stream(settings)
        counting = CountingThread(create_counting(settings, restore, stream, stop), stop)
    logging.basicConfig(
        level=logging.WARNING if settings.mode == "prod" else logging.INFO,
        format="worker: %(levelname)s %(message)s",
    )
    retention.start()
    counting.start()
    persister.start()
    gc.freeze()  # what is there by now stays, and need not be looked through
    gc.set_threshold(COLLECT_AT_OBJECTS)
    try:
        worker.run()
    except Halted as halted:
        log.critical(
            "HALTED: %s. So this worker has stopped and handed its messages back; none is lost, and more are accepted. "
            "Mend what is wrong (`coinslot dead list` has the reasons), then: coinslot dead resume",
            halted,
        )
        sys.exit(HALTED)
    finally:
        stop.set()
        ends_at = monotonic() + ENDS_S
        counting.join(ENDS_S)
        if counting.is_alive():
            log.error("counting has not ended within %g s; what it was at is counted again", ENDS_S)
        stream.close()
        persister.finish(max(0.0, ends_at - monotonic()))
    sys.exit(FAILED if counting.failed else 0)


if __name__ == "__main__":
    main()
