"""How a process begins: what keeps it from starting is one line on stderr, and exit status 2."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from coinslot.errors import CannotStart


@contextmanager
def starting() -> Iterator[None]:
    """`with` it: ends the process where the body raises CannotStart."""
    try:
        yield
    except CannotStart as error:
        print(f"coinslot: {error}", file=sys.stderr)
        sys.exit(2)
