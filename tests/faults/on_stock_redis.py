"""python -m tests.faults.on_stock_redis: runs $MODULE with kombu's own Redis transport under the name of amqp.

Coinslot refuses BROKER_URL=redis://, and this is why: the positive control of the fault tests runs on it.
"""

import os
import runpy

from kombu.transport import TRANSPORT_ALIASES

TRANSPORT_ALIASES["amqp"] = "kombu.transport.redis:Transport"
runpy.run_module(os.environ["MODULE"], run_name="__main__")
