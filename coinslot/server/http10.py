"""Answers to HTTP/1.0, which knows no chunks: one of unknown length ends with its connection."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


async def without_chunks(app: Any, cycle: RequestResponseCycle, scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application around another; uvicorn would send chunks, whoever asks."""
    is_delimited = False

    async def send_plain(message: Any) -> None:
        nonlocal is_delimited
        if message["type"] == "http.response.start":
            is_delimited = any(name == b"content-length" for name, _ in message.get("headers", ()))
            if not is_delimited:
                cycle.chunked_encoding = False
        elif not is_delimited:
            cycle.expected_content_length = len(message.get("body", b""))
        await send(message)

    await app(scope, receive, send_plain)
