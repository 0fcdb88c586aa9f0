"""python -m tests.faults.unfenced_worker: a worker that settles without asking whether the messages are still its own.

So does ours on brokers where that cannot be asked; here it is made to do so on streams.
"""

from typing import Any

import worker.create as root
from worker.__main__ import main
from worker.settlement import Settlement


def unfenced(*args: Any, queue_is_on_redis: bool) -> Settlement:
    assert queue_is_on_redis
    return Settlement(*args, queue_is_on_redis=False)


root.Settlement = unfenced  # type: ignore[assignment, misc]
main()
