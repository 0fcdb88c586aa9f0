"""Servers that run as long as a test needs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from coinslot.stack.servers import Server

S = TypeVar("S", bound=Server)


@contextmanager
def running(server: S) -> Iterator[S]:
    """It answers when the body begins; the body may kill it, and start it again."""
    server.start()
    try:
        server.wait_ready()
        yield server
    finally:
        server.stop()
