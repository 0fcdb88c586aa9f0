"""The process of a web app, from its settings to its end."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from math import ceil
from types import FrameType
from typing import Any, NamedTuple

import uvicorn

from coinslot.binding import listen_address
from coinslot.errors import CannotStart
from coinslot.server.connection import Connection
from coinslot.server.crowd import Crowd
from coinslot.server.deadlines import Deadlines, Patience
from coinslot.settings import Settings
from coinslot.start import starting

DRAIN_S = 4  # after this, what is still being answered at a stop is cut off
BACKLOG = 2048
FILES = 2000  # that may be open besides connections: of our own, and of those who are told that there is no room
TICK_S = 1.0

# Whether the server has been told to stop; endless answers ask, and end.
Stopping = Callable[[], bool]


class Opening(NamedTuple):
    """What a lane gets with each connection.

    state: uvicorn's: `connections`, among which it must be while it is open, and `default_headers` of answers.
    hand_over: makes the protocol that takes any request; it is given the connection, and all that was read of it.
    """

    state: Any
    deadlines: Deadlines
    patience: Patience
    hand_over: Callable[[], asyncio.Protocol]


class Site(NamedTuple):
    """A web app: an ASGI application, and a lane that takes connections before it.

    max_connections: at once; whoever comes when they are there is told 503.
    """

    app: Any
    max_connections: int
    lane: Callable[[Opening], asyncio.Protocol] | None = None


Create = Callable[[Settings, Stopping], Site]


class _Server(uvicorn.Server):
    """Says that it is stopping before it waits for answers to end: followers' answers would never."""

    def __init__(self, config: uvicorn.Config, stopping: threading.Event) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._ring: Callable[[], object] = lambda: None

    async def main_loop(self) -> None:
        """Wakes once a second for the date; uvicorn's own looks ten times a second whether it is to stop."""
        rung = asyncio.Event()
        self._ring = partial(asyncio.get_running_loop().call_soon_threadsafe, rung.set)
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(rung.wait(), TICK_S)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._ring()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping.set()
        await super().shutdown(sockets)


def main(create: Create, patience: Patience = Patience()) -> None:  # noqa: B008 - it cannot be changed
    """Serve until SIGTERM or SIGINT. `stopping` may be asked in any thread."""
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
        interface="asgi3",
        http=_connections(site, patience),
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="error",  # what clients do wrong they are told
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=ceil(patience.head_s),
        timeout_graceful_shutdown=DRAIN_S,
    )
    gc.collect()
    gc.freeze()  # what is here now stays: no use in walking it again and again
    _Server(config, stopping).run([listener])
    os._exit(0)  # a thread that still answers somebody would be waited for


def _connections(site: Site, patience: Patience) -> Any:
    """Makes the protocol of each connection, from what uvicorn hands to one."""
    deadlines = Deadlines()
    crowd = Crowd(deadlines)
    max_connections = _room_for(site.max_connections)

    def connect(**context: Any) -> asyncio.Protocol:
        state = context["server_state"]
        if len(state.connections) >= max_connections:
            return crowd.protocol(state)
        hand_over = partial(Connection, deadlines, patience, **context)
        if site.lane is None:
            return hand_over()
        return site.lane(Opening(state, deadlines, patience, hand_over))

    return connect


def _room_for(connections: int) -> int:
    """As many of them as there may be files open in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + FILES
    files = wanted if resource.RLIM_INFINITY in (soft, hard) else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return min(connections, max(files - FILES, files // 2))


def _listen(address: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return socket.create_server((address, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise CannotStart(f"{address}:{port} cannot be listened on: {error}") from error
