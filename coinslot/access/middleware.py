"""Access: the door in front of a whole ASGI application. Both web apps have a lane past Flask.

A token is taken from `Authorization: Bearer TOKEN` alone: URLs end up in logs, and pages of others send our cookies.

What is refused is refused before its body is read, for it may be megabytes of a stranger's. Whatever follows an unread
body on its connection is lost, so the answer then says `Connection: close`.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from coinslot.access.door import Denied, Door, Headers

COUNTING_THREADS = 8  # counting may wait, and the event loop must not

CLOSE = ("Connection", "close")


class Access:
    """Wraps an application; door: None, and nothing is in the way."""

    def __init__(self, app: Any, door: Door | None) -> None:
        self._app = app
        self._door = door
        self._threads = ThreadPoolExecutor(COUNTING_THREADS, "count")  # none is started before it is needed

    def asgi(self) -> Any:
        return partial(self._asgi, self._door) if self._door else self._app

    async def _asgi(self, door: Door, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        # A header that comes twice is joined by a comma, which is in no token.
        authorization = ",".join(_values(scope, b"authorization"))
        try:
            bearer = door.admit(scope["method"], scope["path"], authorization)
            loop = asyncio.get_running_loop()
            ours = await loop.run_in_executor(self._threads, door.count, bearer) if bearer else []
        except Denied as denied:
            headers = [*denied.headers, CLOSE] if _has_body(scope) else denied.headers
            status = int(denied.status.split()[0])
            await send({"type": "http.response.start", "status": status, "headers": _encoded(headers)})
            await send({"type": "http.response.body", "body": denied.body})
            return

        async def send_with(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *_encoded(ours)]}
            await send(message)

        await self._app(scope, receive, send_with if ours else send)


def _values(scope: Any, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _has_body(scope: Any) -> bool:
    return _values(scope, b"content-length") not in ([], ["0"]) or bool(_values(scope, b"transfer-encoding"))


def _encoded(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers]
