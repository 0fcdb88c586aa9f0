"""One reader of the feed for all followers of a process, and a bounded queue for each of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from time import sleep
from typing import NamedTuple

from api.follow import PAGE_CHANGES, WAIT_S, position
from api.frames import Frames, JsonLines, ServerSentEvents
from coinslot.changes import Feed, Page
from coinslot.errors import FeedUnavailable

QUEUE_PAGES = 64  # a follower this far behind is dropped, and resumes at its cursor if it cares to
JOIN_TIMEOUT_S = 5.0

FORMATS: tuple[Frames, ...] = (ServerSentEvents(), JsonLines())


class Delivery(NamedTuple):
    """A page, and its frames in one follower's format: made once for all of them."""

    page: Page
    frames: bytes


class Follower:
    """What one follower has yet to be sent. None ends it."""

    def __init__(self, content_type: str) -> None:
        self.content_type = content_type
        self.pages: asyncio.Queue[Delivery | None] = asyncio.Queue(QUEUE_PAGES)

    def offer(self, delivery: Delivery) -> bool:
        """False if there is no room."""
        try:
            self.pages.put_nowait(delivery)
        except asyncio.QueueFull:
            return False
        return True

    def end(self) -> None:
        while not self.pages.empty():
            self.pages.get_nowait()
        self.pages.put_nowait(None)


class Hub:
    """Reads the feed in a thread and hands every page to all followers; all else happens on the event loop."""

    def __init__(self, feed: Feed, stopping: Callable[[], bool]) -> None:
        self._feed = feed
        self._stopping = stopping
        self._followers: set[Follower] = set()
        self._reading = asyncio.Event()
        self._closed = threading.Event()

    def start(self) -> None:
        """Begin to read; call it on the event loop."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(loop,), name="feed", daemon=True).start()

    def close(self) -> None:
        self._closed.set()
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
        if self._closed.is_set():
            raise FeedUnavailable("no changes are read any more")
        follower = Follower(content_type)
        self._followers.add(follower)
        return follower

    def leave(self, follower: Follower) -> None:
        self._followers.discard(follower)

    def drop(self, follower: Follower) -> None:
        self.leave(follower)
        follower.end()

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            cursor = ""
            while not (self._closed.is_set() or self._stopping()):
                cursor = self._read_on(loop, cursor)
        finally:
            # Without their reader, whatever ended it, followers would wait for nothing.
            with suppress(RuntimeError):  # the loop has ended, and its followers with it
                loop.call_soon_threadsafe(self.close)

    def _read_on(self, loop: asyncio.AbstractEventLoop, cursor: str) -> str:
        try:
            cursor = cursor or self._begin(loop)
            page = self._feed.read(cursor, PAGE_CHANGES)
            if not (page.gap or page.changes):
                self._feed.wait(cursor, WAIT_S)
                return cursor
        except FeedUnavailable:
            sleep(WAIT_S)  # followers wait along; what happened meanwhile is still to be read, or is a gap
            return cursor
        loop.call_soon_threadsafe(self._hand_out, page)
        return position(page)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> str:
        cursor = self._feed.tip()
        loop.call_soon_threadsafe(self._reading.set)
        return cursor

    def _hand_out(self, page: Page) -> None:
        deliveries = {each.content_type: Delivery(page, each.page(page)) for each in FORMATS}
        for follower in list(self._followers):
            if not follower.offer(deliveries[follower.content_type]):
                self.drop(follower)
