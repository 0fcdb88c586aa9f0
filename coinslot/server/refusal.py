"""What the server answers by itself: an error in the shape of all others, and the end of the connection."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

Fields = Iterable[tuple[bytes, bytes]]


def refusal(status: int, what: str, fields: Fields = ()) -> bytes:
    """As bytes; `fields`: of its head, besides those that every refusal has."""
    body, ours = _message(what)
    head = b"".join([b"%b: %b\r\n" % field for field in (*fields, *ours)])
    return b"%b%b\r\n%b" % (STATUS_LINE[status], head, body)


async def refuse(status: int, what: str, _scope: Any, _receive: Any, send: Any) -> None:
    """The same as an ASGI application."""
    body, ours = _message(what)
    await send({"type": "http.response.start", "status": status, "headers": ours})
    await send({"type": "http.response.body", "body": body})


def _message(what: str) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    body = msgspec.json.encode({"error": {"what": what}})
    return body, [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
    ]
