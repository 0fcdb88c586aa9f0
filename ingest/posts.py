"""POSTs of events that the fast lane handed over: the same desk, reached through a whole HTTP server."""

from __future__ import annotations

import asyncio
from typing import Any

from coinslot.media import FORM
from ingest import answer, formats
from ingest.answer import Answer, Busy, Refused
from ingest.body import Announced
from ingest.budget import Budget, Share
from ingest.desk import Desk
from ingest.head import PATH, Head


class Posts:
    """An ASGI application around another. Like the lane it holds no thread while a body comes."""

    def __init__(self, app: Any, desk: Desk, budget: Budget, max_bytes: int) -> None:
        self._app = app
        self._desk = desk
        self._budget = budget
        self._max_bytes = max_bytes

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == PATH:
            with self._budget.share() as share:
                told = await self._answer(scope, receive, share)
                if told is not None:
                    await _send(told, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: dict[str, Any], receive: Any, share: Share) -> Answer | None:
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
            return answer.refused(error, as_text=media == FORM)
        except Busy as error:
            return answer.busy(error, as_text=media == FORM)
        content = await _read(receive)
        if content is None:
            return None
        head = Head(media, announced.encoding, scope["query_string"].decode("latin-1"))
        return await self._take(head, content, share)

    async def _take(self, head: Head, content: bytes, share: Share) -> Answer:
        told: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def tell(answer: Answer) -> None:
            if not told.done():  # nor given up
                told.set_result(answer)

        self._desk.take(head, content, share, tell)
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
    fields = [(b"content-type", told.content_type), (b"content-length", str(len(told.body)))]
    if told.retry_after_s is not None:
        fields.append((b"retry-after", str(told.retry_after_s)))
    status = int(told.status.split()[0])
    headers = [(name, value.encode()) for name, value in fields]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": told.body})
