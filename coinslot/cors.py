"""CORS (the Fetch standard's protocol) for the origins that may call; without any, nothing is added.

Both web apps have a lane past Flask, so this stands in front of the whole ASGI application.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Headers = list[tuple[str, str]]

EXPOSED = "Link, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"
_PREFLIGHT: Headers = [
    ("Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS"),  # where a route has none of them, it says 405
    ("Access-Control-Allow-Headers", "Authorization, Content-Encoding, Content-Type, Last-Event-ID"),
    ("Access-Control-Max-Age", "3600"),
]
_VARIES: Headers = [("Vary", "Origin")]  # of every answer, lest a cache hand one origin's answer to another


class Cors:
    """Wraps an application; origins: those allowed, `*` for all."""

    def __init__(self, app: Any, origins: Sequence[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    def asgi(self) -> Any:
        return self._asgi if self._origins else self._app

    def _headers(self, origin: str, *, preflight: bool) -> Headers:
        """What an answer to a page of this origin gets; a page that may not call is told nothing."""
        if "*" in self._origins:
            origin = "*"
        elif origin not in self._origins:
            return _VARIES
        allowed = [("Access-Control-Allow-Origin", origin), ("Access-Control-Expose-Headers", EXPOSED)]
        return [*allowed, *(_PREFLIGHT if preflight else ()), *_VARIES]

    async def _asgi(self, scope: Any, receive: Any, send: Any) -> None:
        sent = dict(scope.get("headers", ()))
        preflight = scope.get("method") == "OPTIONS" and b"access-control-request-method" in sent
        ours = _encoded(self._headers(sent.get(b"origin", b"").decode("latin-1"), preflight=preflight))
        if preflight:
            await send({"type": "http.response.start", "status": 204, "headers": ours})
            await send({"type": "http.response.body", "body": b""})
            return

        async def send_with(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *ours]}
            await send(message)

        await self._app(scope, receive, send_with)


def _encoded(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
