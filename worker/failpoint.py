"""Failpoints: places where a test has the worker killed or frozen, to prove that nothing is lost there.

The gaps of the commit protocol, in their order: `read` (a batch was read), `stored` (it is in the store), `settled`
(feed, ledger and, on streams, acknowledgement are done).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable


def failpoint(spec: str) -> Callable[[str], None]:
    """From the setting, such as `stored:3`: kill -9 this process the third time it reaches that gap. Empty: never.

    `stored:3:stop` freezes it there, until somebody sends it SIGCONT.
    """
    name, nth, deed, *_ = *spec.split(":"), "", ""
    left = int(nth or 1)
    number = signal.SIGSTOP if deed == "stop" else signal.SIGKILL

    def reached(gap: str) -> None:
        nonlocal left
        if gap == name:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), number)

    return reached
