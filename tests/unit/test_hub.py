"""The hub: every follower is handed everything after the cursor it joined at, in order, or is dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from api.hub import QUEUE_PAGES, WAVE_FOLLOWERS, Delivery, Follower, Hub
from coinslot.changes import Change, Page, order
from coinslot.errors import FeedUnavailable

LINES = "application/json"
PAGES = 20


class PagedFeed:
    """A feed that begins after the cursor 0-1, and in which each read finds one change more, up to `pages`."""

    def __init__(self, pages: int = PAGES, fails_at: dict[int, Exception] | None = None) -> None:
        self._pages = pages
        self._fails_at = fails_at or {}

    def tip(self) -> str:
        return "0-1"

    def read(self, after: str, limit: int) -> Page:
        number = order(after)[0] + 1
        if error := self._fails_at.pop(number, None):
            raise error
        return Page(None, [Change(f"{number}-0", b"{}")] if number <= self._pages else [])

    def wait(self, after: str, timeout_s: float) -> bool:
        return False


def handed_out(feed: Any, act: Callable[[Hub], Awaitable[Any]]) -> Any:
    """What `act` returns, done beside a hub that reads the feed."""

    async def run() -> Any:
        reading = Hub(feed, stopping=lambda: False)
        reading.start()
        try:
            return await asyncio.wait_for(act(reading), 10)
        finally:
            reading.close()

    return asyncio.run(run())


async def numbers(follower: Follower, last: int = PAGES) -> list[int]:
    """The changes it is handed, up to the last one, or its end."""
    seen: list[int] = []
    while last not in seen and (delivery := await follower.next()):
        seen += [order(change.cursor)[0] for change in delivery.page.changes]
    return seen


def after(follower: Follower) -> list[int]:
    return list(range(order(follower.since)[0] + 1, PAGES + 1))


def test_whoever_joins_while_a_page_is_handed_out_misses_none_and_is_handed_none_twice() -> None:
    async def act(hub: Hub) -> list[tuple[list[int], list[int]]]:
        crowd = [await hub.join(LINES) for _ in range(3 * WAVE_FOLLOWERS)]
        taking = [asyncio.ensure_future(numbers(each)) for each in crowd]
        while len(hub) < 6 * WAVE_FOLLOWERS and not taking[0].done():
            crowd.append(await hub.join(LINES))
            taking.append(asyncio.ensure_future(numbers(crowd[-1])))
            await asyncio.sleep(0)
        return [(after(each), await taken) for each, taken in zip(crowd, taking, strict=True) if after(each)]

    told = handed_out(PagedFeed(), act)

    assert all(taken == expected for expected, taken in told)
    assert len({len(expected) for expected, _ in told}) > 2  # they joined at several places


def test_a_follower_that_takes_nothing_is_dropped_and_the_others_go_on() -> None:
    pages = QUEUE_PAGES + 20

    async def act(hub: Hub) -> tuple[list[int], list[int], int]:
        slow, quick = await hub.join(LINES), await hub.join(LINES)
        seen = await numbers(quick, pages)
        return seen, await numbers(slow, pages), len(hub)

    quick, slow, left = handed_out(PagedFeed(pages), act)

    assert quick[-1] == pages
    assert (slow, left) == ([], 1)


def test_a_follower_is_dropped_for_being_a_whole_queue_behind_and_not_before() -> None:
    follower = Follower(LINES, "0-0")
    delivery = Delivery(Page(None, []), b"")

    taken = [follower.offer(delivery) for _ in range(QUEUE_PAGES + 1)]

    assert taken == [True] * QUEUE_PAGES + [False]


def test_followers_wait_along_while_the_feed_cannot_be_read() -> None:
    feed = PagedFeed(fails_at={3: FeedUnavailable()})

    async def act(hub: Hub) -> tuple[list[int], list[int]]:
        follower = await hub.join(LINES)
        return after(follower), await numbers(follower)

    expected, seen = handed_out(feed, act)

    assert seen == expected


def test_followers_are_ended_when_their_reader_is() -> None:
    async def act(hub: Hub) -> tuple[list[int], int]:
        follower = await hub.join(LINES)
        seen = await numbers(follower)
        with pytest.raises(RuntimeError):
            await hub._task
        with pytest.raises(FeedUnavailable):
            await hub.join(LINES)
        return seen, len(hub)

    seen, left = handed_out(PagedFeed(fails_at={7: RuntimeError("a bug")}), act)

    assert PAGES not in seen
    assert left == 0
