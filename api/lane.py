"""The stream lane: followers as coroutines, before Flask; every other request goes on to Flask."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from api.about import refuse
from api.answer import Answer
from api.follow_request import FollowRequest, parse_follow
from api.frames import pieces
from api.hub import Hub
from api.stream import HEADERS, PATH, TooManyFollowers
from coinslot.changes import Feed
from coinslot.errors import CoinslotError
from coinslot.store import Store

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


class StreamLane:
    """An ASGI application around another. Same answers as the Flask view, for many more followers."""

    def __init__(self, app: Any, feed: Feed, store: Store, hub: Hub, followers_max: int) -> None:
        self._app = app
        self._feed = feed
        self._store = store
        self._hub = hub
        self._followers_max = followers_max

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "GET":
            await self._stream(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self._hub.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._hub.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _stream(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        try:
            asked = _parse(scope)
            if len(self._hub) >= self._followers_max:
                raise TooManyFollowers()
        except CoinslotError as error:
            await _refuse(error, send)
            return
        telling = asyncio.ensure_future(self._tell(asked, send))
        leaving = asyncio.ensure_future(_disconnected(receive))
        await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
        has_left = leaving.done()
        for task in (telling, leaving):
            task.cancel()
        await asyncio.gather(telling, leaving, return_exceptions=True)  # a send to one who left may fail
        if not has_left:
            telling.result()

    async def _tell(self, asked: FollowRequest, send: Send) -> None:
        started = False

        async def say(chunk: bytes) -> None:
            nonlocal started
            if not started:
                started = True
                await _start(send, 200, [("Content-Type", asked.frames.content_type), *HEADERS.items()])
            for piece in pieces(chunk):
                await send({"type": "http.response.body", "body": piece, "more_body": True})

        try:
            await Answer(asked, self._feed, self._store, self._hub, say).tell()
            await send({"type": "http.response.body", "body": b""})
        except CoinslotError as error:
            if not started:
                await _refuse(error, send)  # else the answer is cut off without its end, and the follower resumes


def _parse(scope: dict[str, Any]) -> FollowRequest:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    args = dict(reversed(parse_qsl(scope["query_string"].decode("latin-1"))))  # the first of a name counts
    return parse_follow(args, headers.get("accept", ""), headers.get("last-event-id", ""))


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse(error: CoinslotError, send: Send) -> None:
    response = refuse(error)
    await _start(send, response.status_code, list(response.headers.items()))
    await send({"type": "http.response.body", "body": response.get_data()})


async def _start(send: Send, status: int, headers: list[tuple[str, str]]) -> None:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": raw})
