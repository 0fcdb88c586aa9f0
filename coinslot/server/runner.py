"""The process of a web app, from its settings to its end."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import uvicorn

from coinslot.binding import listen_address
from coinslot.errors import CannotStart
from coinslot.server.connection import Connection
from coinslot.server.deadlines import Deadlines
from coinslot.settings import Settings
from coinslot.start import starting

DRAIN_S = 4  # after this, what is still being answered at a stop is cut off
HEAD_TIMEOUT_S = 10.0
BACKLOG = 2048

# Whether the server has been told to stop; endless answers ask, and end.
Stopping = Callable[[], bool]


class Opening(NamedTuple):
    """What a lane gets with each connection.

    state: uvicorn's: `connections`, among which it must be while it is open, and `default_headers` of answers.
    head_timeout_s: how long it may take for the next request's head, waiting for it included.
    hand_over: makes the protocol that takes any request; it is given the connection, and all that was read of it.
    """

    state: Any
    deadlines: Deadlines
    head_timeout_s: float
    hand_over: Callable[[], asyncio.Protocol]


class Site(NamedTuple):
    """A web app: an ASGI application, and a lane that takes connections before it."""

    app: Any
    lane: Callable[[Opening], asyncio.Protocol] | None = None


Create = Callable[[Settings, Stopping], Site]


class _Server(uvicorn.Server):
    """Says that it is stopping before it waits for answers to end: followers' answers would never."""

    def __init__(self, config: uvicorn.Config, stopping: threading.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping.set()
        await super().shutdown(sockets)


def main(create: Create, *, head_timeout_s: float = HEAD_TIMEOUT_S) -> None:
    """Serve until SIGTERM or SIGINT. `stopping` may be asked in any thread.

    head_timeout_s: how long a connection may take for the next request's head, waiting for it included.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))  # before there is anything to end; uvicorn has its own later
    with starting():
        settings = Settings.load()
        listener = _listen(*listen_address(settings))
    if settings.ignores_tokens:
        print("coinslot: API_AUTH=disable: there are tokens, and nobody is asked for them", file=sys.stderr)
    stopping = threading.Event()
    site = create(settings, stopping.is_set)
    config = uvicorn.Config(
        site.app,
        http=_connections(site, head_timeout_s),
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="error",  # what clients do wrong they are told
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=int(head_timeout_s),
        timeout_graceful_shutdown=DRAIN_S,
    )
    gc.collect()
    gc.freeze()  # what is here now stays: no use in walking it again and again
    _Server(config, stopping).run([listener])
    os._exit(0)  # a thread that still answers somebody would be waited for


def _connections(site: Site, head_timeout_s: float) -> Any:
    """Makes the protocol of each connection, from what uvicorn hands to one."""
    deadlines = Deadlines()

    def connect(**context: Any) -> asyncio.Protocol:
        hand_over = partial(Connection, deadlines, head_timeout_s, **context)
        if site.lane is None:
            return hand_over()
        return site.lane(Opening(context["server_state"], deadlines, head_timeout_s, hand_over))

    return connect


def _listen(address: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return socket.create_server((address, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise CannotStart(f"{address}:{port} cannot be listened on: {error}") from error
