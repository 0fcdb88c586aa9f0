"""The stream lane: followers as coroutines, before Flask; every other request goes on to Flask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from api.about import refuse
from api.follow import PAGE_CHANGES, position, stored
from api.follow_request import FollowRequest, parse_follow
from api.frames import HEARTBEAT_S, Frames, pieces
from api.hub import Follower, Hub
from api.stream import HEADERS, PATH, TooManyFollowers
from coinslot.changes import Feed, Page, order
from coinslot.errors import CoinslotError, FeedUnavailable
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
            answer = self._answer(asked)
            first = await anext(answer)  # whatever is out of reach shows here, while a status can still tell
        except CoinslotError as error:
            await _refuse(error, send)
            return
        await _start(send, 200, [("Content-Type", asked.frames.content_type), *HEADERS.items()])
        sending = asyncio.ensure_future(_send_all(first, answer, send))
        leaving = asyncio.ensure_future(_disconnected(receive))
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        for task in (sending, leaving):
            task.cancel()
        await asyncio.gather(sending, leaving, return_exceptions=True)  # a send to one who left may fail
        await answer.aclose()

    async def _answer(self, asked: FollowRequest) -> Any:
        """All that a follower is sent, in order."""
        frames = asked.frames
        cursor = asked.after if asked.after else await asyncio.to_thread(self._feed.tip)
        if asked.start is not None:
            backfill = await asyncio.to_thread(stored, self._store, asked.start, frames)
            while chunk := await asyncio.to_thread(next, backfill, b""):
                yield chunk
        yield frames.begin(cursor)
        try:
            async for chunk in self._changes(cursor, frames):
                yield chunk
        except FeedUnavailable:
            return  # as in api.follow: the follower resumes

    async def _changes(self, cursor: str, frames: Frames) -> AsyncIterator[bytes]:
        async for page in self._catch_up(cursor):
            cursor = position(page)
            yield frames.page(page)
        follower = await self._hub.join(frames.content_type)
        try:
            async for page in self._catch_up(cursor):  # what came before we had joined
                cursor = position(page)
                yield frames.page(page)
            async for chunk in _handed_out(follower, cursor, frames):
                yield chunk
        finally:
            self._hub.leave(follower)

    async def _catch_up(self, cursor: str) -> AsyncIterator[Page]:
        """The pages from a cursor to the end of the feed."""
        while True:
            page = await asyncio.to_thread(self._feed.read, cursor, PAGE_CHANGES)
            if not (page.gap or page.changes):
                return
            cursor = position(page)
            yield page


async def _handed_out(follower: Follower, cursor: str, frames: Frames) -> AsyncIterator[bytes]:
    """What the hub hands out, without the changes up to `cursor`, which have been sent."""
    while True:
        try:
            delivery = await asyncio.wait_for(follower.pages.get(), HEARTBEAT_S)
        except TimeoutError:
            yield frames.heartbeat
            continue
        if delivery is None:
            return
        page = delivery.page
        if page.gap or not page.changes or order(page.changes[0].cursor) > order(cursor):
            yield delivery.frames
            continue
        unsent = [change for change in page.changes if order(change.cursor) > order(cursor)]
        if unsent:
            yield frames.page(page._replace(changes=unsent))


def _parse(scope: dict[str, Any]) -> FollowRequest:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    args = dict(reversed(parse_qsl(scope["query_string"].decode("latin-1"))))  # the first of a name counts
    return parse_follow(args, headers.get("accept", ""), headers.get("last-event-id", ""))


async def _send_all(first: bytes, rest: AsyncIterator[bytes], send: Send) -> None:
    await _send(first, send)
    async for chunk in rest:
        await _send(chunk, send)
    await send({"type": "http.response.body", "body": b""})


async def _send(chunk: bytes, send: Send) -> None:
    for piece in pieces(chunk):
        await send({"type": "http.response.body", "body": piece, "more_body": True})


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
