"""Runs a web app under granian: one process that listens, one below it that serves and is replaced if it dies."""

from __future__ import annotations

import logging
import multiprocessing
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings

from coinslot.binding import listen_address
from coinslot.settings import Settings
from coinslot.start import starting

DRAIN_S = 4  # after this, what is still being answered at a stop is cut off
HEADERS_TIMEOUT_MS = 10_000
CONNECTIONS_PER_THREAD = 4  # most are idle, or slow with their headers, and need none yet
BUFFER_BYTES = 64 * 1024  # of a connection: no header can be larger, and bodies come in pieces of this size

# Whether the server has been told to stop; endless answers ask, and end.
Stopping = Callable[[], bool]
Create = Callable[[Settings, Stopping], Any]


class _Server(Granian):  # type: ignore[misc, valid-type]
    """Says that it is stopping before it waits for answers to end: followers' answers would never."""

    stopping: Any

    def shutdown(self, exit_code: int = 0) -> None:
        self.stopping.set()
        super().shutdown(exit_code)


def main(name: str, create: Create, *, asgi: bool = False, headers_timeout_ms: int = HEADERS_TIMEOUT_MS) -> None:
    """Serve until SIGTERM or SIGINT. `create(settings, stopping)` makes the app in the serving process.

    headers_timeout_ms: how long a connection may take for the next request's header, waiting for it included.
    """
    with starting():
        settings = Settings.load()
        address, port = listen_address(settings)
    if settings.ignores_tokens:
        print("coinslot: API_AUTH=disable: there are tokens, and nobody is asked for them", file=sys.stderr)
    # It warns of more threads than cores. Ours wait for the queue nearly all of the time.
    logging.getLogger("_granian").addFilter(lambda record: "Python threads" not in record.getMessage())
    stopping = multiprocessing.Event()
    server = _Server(
        name,
        address=address,
        port=port,
        interface=Interfaces.ASGI if asgi else Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        blocking_threads=1 if asgi else settings.threads,
        # In truth how many connections are accepted; the others wait, and with them whoever asks for /alive.
        backpressure=settings.followers_max + 100 if asgi else settings.threads * CONNECTIONS_PER_THREAD,
        http1_settings=HTTP1Settings(header_read_timeout=headers_timeout_ms, max_buffer_size=BUFFER_BYTES),
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=DRAIN_S,
        log_level="warning",
    )
    server.stopping = stopping
    server.serve(target_loader=partial(create, settings, stopping.is_set), wrap_loader=False)
