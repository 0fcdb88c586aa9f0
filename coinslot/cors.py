"""CORS (the Fetch standard's protocol) for the origins that may call; without any, nothing is added.

Both web apps have a lane past Flask, so this stands in front of the whole application, as WSGI or as ASGI.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Headers = list[tuple[str, str]]

_PREFLIGHT: Headers = [
    ("Access-Control-Allow-Methods", "GET, POST, OPTIONS"),
    ("Access-Control-Allow-Headers", "Authorization, Content-Encoding, Content-Type, Last-Event-ID"),
    ("Access-Control-Max-Age", "3600"),
    ("Content-Length", "0"),
]


class Cors:
    """Wraps an application; origins: those allowed, `*` for all."""

    def __init__(self, app: Any, origins: Sequence[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    def wsgi(self) -> Any:
        return self._wsgi if self._origins else self._app

    def asgi(self) -> Any:
        return self._asgi if self._origins else self._app

    def _headers(self, origin: str) -> Headers:
        if "*" not in self._origins and origin not in self._origins:
            return []
        return [
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Expose-Headers", "Link, Retry-After"),
            ("Vary", "Origin"),
        ]

    def _wsgi(self, environ: dict[str, Any], start_response: Any) -> Any:
        allowed = self._headers(environ.get("HTTP_ORIGIN", ""))
        if environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
            start_response("204 No Content", [*allowed, *_PREFLIGHT] if allowed else [])
            return []

        def start(status: str, headers: Headers, *exc_info: Any) -> Any:
            return start_response(status, [*headers, *allowed], *exc_info)

        return self._app(environ, start)

    async def _asgi(self, scope: Any, receive: Any, send: Any) -> None:
        sent = dict(scope.get("headers", ()))
        allowed = self._headers(sent.get(b"origin", b"").decode("latin-1"))
        if scope["type"] == "http" and scope["method"] == "OPTIONS" and b"access-control-request-method" in sent:
            headers = _encoded([*allowed, *_PREFLIGHT] if allowed else [])
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return

        async def send_with(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *_encoded(allowed)]}
            await send(message)

        await self._app(scope, receive, send_with)


def _encoded(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
