"""What one follower of the stream lane is sent, from what it missed to what is new."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from api.follow import PAGE_CHANGES, position, stored
from api.follow_request import FollowRequest
from api.hub import Follower, Hub
from coinslot.changes import Feed, Page, order
from coinslot.errors import FeedUnavailable
from coinslot.store import Store

Say = Callable[[bytes], Awaitable[None]]


class Answer:
    """Tells one follower; say: sends it a chunk, and returns when there is room for another."""

    def __init__(self, asked: FollowRequest, feed: Feed, store: Store, hub: Hub, say: Say) -> None:
        self._asked = asked
        self._frames = asked.frames
        self._feed = feed
        self._store = store
        self._hub = hub
        self._say = say

    async def tell(self) -> None:
        """All of it, until the hub ends it or the feed is lost.

        Raises CoinslotError for what is out of reach; mostly before anything was said, while a status can still tell.
        """
        # The tip is taken before the store is read: what is stored meanwhile is told twice rather than never.
        cursor = self._asked.after if self._asked.after else await asyncio.to_thread(self._feed.tip)
        if self._asked.start is not None:
            backfill = await asyncio.to_thread(stored, self._store, self._asked.start, self._frames)
            while chunk := await asyncio.to_thread(next, backfill, b""):
                await self._say(chunk)
        await self._say(self._frames.begin(cursor))
        try:
            await self._tell_changes(cursor)
        except FeedUnavailable:
            return  # as in api.follow: the follower resumes

    async def _tell_changes(self, cursor: str) -> None:
        if self._asked.after or self._asked.start is not None:
            cursor = await self._catch_up(cursor)
        follower = await self._hub.join(self._frames.content_type)
        try:
            if order(follower.since) > order(cursor):  # more came before we had joined
                cursor = await self._catch_up(cursor)
            await self._pass_on(follower, cursor)
        finally:
            self._hub.leave(follower)

    async def _catch_up(self, cursor: str) -> str:
        """Tell what is in the feed after a cursor; return where it ends."""
        while True:
            page = await asyncio.to_thread(self._feed.read, cursor, PAGE_CHANGES)
            if not (page.gap or page.changes):
                return cursor
            cursor = position(page)
            await self._say(self._frames.page(page))

    async def _pass_on(self, follower: Follower, cursor: str) -> None:
        """Tell what the hub hands out, without the changes up to `cursor`, which have been told."""
        overlaps = True
        while delivery := await follower.next():
            overlaps = overlaps and _overlaps(delivery.page, cursor)
            await self._say(self._frames.page(_beyond(delivery.page, cursor)) if overlaps else delivery.frames)


def _overlaps(page: Page, cursor: str) -> bool:
    return not page.gap and bool(page.changes) and order(page.changes[0].cursor) <= order(cursor)


def _beyond(page: Page, cursor: str) -> Page:
    return page._replace(changes=[change for change in page.changes if order(change.cursor) > order(cursor)])
