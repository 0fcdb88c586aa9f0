"""POSTs of events that the fast lane handed over: the same desk, reached through a whole HTTP server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from ingest import formats
from ingest.answer import Answer, Refused
from ingest.body import Announced
from ingest.budget import Budget, Share
from ingest.desk import Desk
from ingest.head import Head


class Posts:
    """An ASGI application around another, with a desk a path. Like the lane it holds no thread while a body comes."""

    def __init__(self, app: Any, desks: Mapping[str, Desk], budget: Budget, max_bytes: int) -> None:
        self._app = app
        self._desks = desks
        self._budget = budget
        self._max_bytes = max_bytes

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        desk = self._desks.get(scope["path"]) if is_post else None
        if desk is None:
            await self._app(scope, receive, send)
            return
        with self._budget.share() as share:
            told = await self._answer(desk, scope, receive, share)
            if told is not None:
                await _send(told, send)

    async def _answer(self, desk: Desk, scope: dict[str, Any], receive: Any, share: Share) -> Answer | None:
        """None for whoever has left."""
        fields = _fields(scope)
        media = formats.media_type(fields.get("content-type", ""))
        try:
            announced = Announced.parse(
                fields.get("content-length", ""),
                fields.get("content-encoding", ""),
                is_chunked="transfer-encoding" in fields,
                max_bytes=self._max_bytes,
            )
            share.hold(announced.length)
        except Refused as error:
            return desk.refuse(media, error)
        content = await _read(receive)
        if content is None:
            return None
        head = Head(media, announced.encoding, scope["query_string"].decode("latin-1"))
        return await _taken(desk, head, content, share)


async def _taken(desk: Desk, head: Head, content: bytes, share: Share) -> Answer:
    told: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def tell(answer: Answer) -> None:
        if not told.done():  # nor given up
            told.set_result(answer)

    desk.take(head, content, share, tell)
    return await told


def _fields(scope: dict[str, Any]) -> dict[str, str]:
    """What comes twice is joined by a comma, as under WSGI."""
    fields: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        fields[key] = f"{fields[key]},{text}" if key in fields else text
    return fields


async def _read(receive: Any) -> bytes | None:
    """The whole body; None where its sender breaks off, to whom the server says so."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message["body"]
        if not message["more_body"]:
            return bytes(body)


async def _send(told: Answer, send: Any) -> None:
    status = int(told.status.split()[0])
    headers = [(name.encode(), value.encode()) for name, value in told.fields]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": told.body})
