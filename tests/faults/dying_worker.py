"""python -m tests.faults.dying_worker: a worker that is killed between the broker's reply and noting what was in it.

The gap lies inside kombu, so it is kombu's own class, and that of our transport, that is made to die.
"""

import os
import runpy
import signal
from typing import Any

from kombu.transport.redis import QoS as StockQoS

from coinslot.redisstreams.transport import QoS as StreamQoS


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


StockQoS.append = die
StreamQoS.append = die
runpy.run_module("worker", run_name="__main__")
