"""One reader of the feed for all followers of a process, and a bounded list for each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

from api.follow import PAGE_CHANGES, WAIT_S, position
from api.frames import HEARTBEAT_S, Frames, JsonLines, ServerSentEvents
from coinslot.changes import Feed, Page
from coinslot.errors import FeedUnavailable

QUEUE_PAGES = 64  # a follower this far behind is dropped, and resumes at its cursor if it cares to
JOIN_TIMEOUT_S = 5.0
WAVE_FOLLOWERS = 100  # woken at a time: more, all half done, and collecting garbage takes longer than sending

FORMATS: tuple[Frames, ...] = (ServerSentEvents(), JsonLines())
NOTHING = Page(None, [])


class Delivery(NamedTuple):
    """A page, and its frames in one follower's format: made once for all of them."""

    page: Page
    frames: bytes


class Follower:
    """What one follower has yet to be sent, of all that comes after the cursor `since`.

    An asyncio.Queue would do it too, in 3 KB more for each of thousands.
    """

    def __init__(self, content_type: str, since: str) -> None:
        self.content_type = content_type
        self.since = since
        self._deliveries: list[Delivery] = []
        self._ended = False
        self._waiting: asyncio.Future[None] | None = None

    def offer(self, delivery: Delivery) -> bool:
        """False if there is no room."""
        if len(self._deliveries) >= QUEUE_PAGES:
            return False
        self._deliveries.append(delivery)
        self._wake()
        return True

    def end(self) -> None:
        self._ended = True
        self._deliveries.clear()
        self._wake()

    async def next(self) -> Delivery | None:
        """The next delivery, as soon as there is one; None at the end."""
        while not self._deliveries:
            if self._ended:
                return None
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        return self._deliveries.pop(0)

    def _wake(self) -> None:
        if self._waiting and not self._waiting.done():
            self._waiting.set_result(None)


class Hub:
    """Reads the feed in a thread and hands every page to all followers; all else happens on the event loop."""

    def __init__(self, feed: Feed, stopping: Callable[[], bool]) -> None:
        self._feed = feed
        self._stopping = stopping
        self._followers: set[Follower] = set()
        self._cursor = ""  # what is after it has yet to be handed out
        self._reading = asyncio.Event()
        self._closed = False
        self._thread = ThreadPoolExecutor(1, "feed")

    def start(self) -> None:
        """Begin to read; call it on the event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def close(self) -> None:
        self._closed = True
        for follower in list(self._followers):
            self.drop(follower)

    def __len__(self) -> int:
        return len(self._followers)

    async def join(self, content_type: str) -> Follower:
        """A follower of everything that is fed from now on; raises FeedUnavailable."""
        try:
            await asyncio.wait_for(self._reading.wait(), JOIN_TIMEOUT_S)
        except TimeoutError:
            raise FeedUnavailable() from None
        if self._closed:
            raise FeedUnavailable("no changes are read any more")
        follower = Follower(content_type, self._cursor)
        self._followers.add(follower)
        return follower

    def leave(self, follower: Follower) -> None:
        self._followers.discard(follower)

    def drop(self, follower: Follower) -> None:
        self.leave(follower)
        follower.end()

    async def _run(self) -> None:
        try:
            await self._hand_out_all()
        finally:
            self.close()  # without their reader, whatever ended it, followers would wait for nothing

    async def _hand_out_all(self) -> None:
        loop = asyncio.get_running_loop()
        heartbeat_at = loop.time() + HEARTBEAT_S
        while not (self._closed or self._stopping()):
            page = await self._read()
            if page.gap or page.changes:
                self._cursor = position(page)
                await self._hand_out({each.content_type: Delivery(page, each.page(page)) for each in FORMATS})
            elif loop.time() >= heartbeat_at:
                await self._hand_out({each.content_type: Delivery(page, each.heartbeat) for each in FORMATS})
            else:
                continue
            heartbeat_at = loop.time() + HEARTBEAT_S

    async def _read(self) -> Page:
        """What comes next, if anything does before long."""
        in_thread = partial(asyncio.get_running_loop().run_in_executor, self._thread)
        try:
            if not self._cursor:
                self._cursor = await in_thread(self._feed.tip)
                self._reading.set()
            return await in_thread(self._next, self._cursor)
        except FeedUnavailable:
            await asyncio.sleep(WAIT_S)  # followers wait along; what happens meanwhile is still to be read, or is a gap
            return NOTHING

    def _next(self, cursor: str) -> Page:
        page = self._feed.read(cursor, PAGE_CHANGES)
        if not (page.gap or page.changes) and self._feed.wait(cursor, WAIT_S):
            page = self._feed.read(cursor, PAGE_CHANGES)
        return page

    async def _hand_out(self, deliveries: dict[str, Delivery]) -> None:
        """Returns when all could be sent it, so that whatever comes meanwhile is one page."""
        for number, follower in enumerate(list(self._followers), 1):
            if not follower.offer(deliveries[follower.content_type]):
                self.drop(follower)
            if number % WAVE_FOLLOWERS == 0:
                await asyncio.sleep(0)
