"""Requests that are whole before they take a thread."""

from __future__ import annotations

from typing import Any

MAX_BODY_BYTES = 64 * 1024


class Whole:
    """An ASGI application around one that takes a thread for each request: it is asked once a small body has come.

    A larger one is not waited for, as nothing here reads it, nor one without a length, which Flask does not read.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not _is_small(scope):
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


def _is_small(scope: dict[str, Any]) -> bool:
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return 0 < int(length) <= MAX_BODY_BYTES
