"""How much memory this process takes."""

from __future__ import annotations

import os
from pathlib import Path

STATM = Path("/proc/self/statm")  # in pages: all that is mapped, then what of it is resident


def used_bytes(statm: Path = STATM) -> int | None:
    """What is resident; None where there is no /proc, which is Linux's."""
    try:
        pages = int(statm.read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
