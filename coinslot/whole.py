"""Requests that are whole before they take a thread, and learn there that nobody reads their answer any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

MAX_BODY_BYTES = 64 * 1024
GONE = (
    "coinslot.gone"  # in the scope of a request without a body: whether its client is gone, to be asked in any thread
)


class Whole:
    """An ASGI application around one that takes a thread for each request: it is asked once a small body has come.

    A larger one is not waited for, as nothing here reads it, nor one without a length, which Flask does not read.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http" and _length(scope) == 0:
            await self._ask(scope, receive, send)
            return
        if scope["type"] != "http" or _length(scope) > MAX_BODY_BYTES:
            await self._app(scope, receive, send)
            return
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        told = False

        async def receive_whole() -> dict[str, Any]:
            nonlocal told
            if told:
                return dict(await receive())
            told = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        await self._app(scope, receive_whole, send)

    async def _ask(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """The thread sends to a queue, which is emptied whether or not anybody is there: it has to be told."""
        gone = threading.Event()
        watching = asyncio.create_task(_watch(receive, gone))

        async def receive_nothing() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        try:
            await self._app({**scope, GONE: gone.is_set}, receive_nothing, send)
        finally:
            watching.cancel()


def is_gone(environ: dict[str, Any]) -> Callable[[], bool]:
    """Of the request's client, as far as its server tells."""
    gone: Callable[[], bool] = environ.get("asgi.scope", {}).get(GONE, lambda: False)
    return gone


async def _watch(receive: Any, gone: threading.Event) -> None:
    if not (await receive()).get("more_body"):  # else it has a body without a length, of which nothing is read
        await receive()
        gone.set()


def _length(scope: dict[str, Any]) -> int:
    return int(dict(scope["headers"]).get(b"content-length", b"0"))
