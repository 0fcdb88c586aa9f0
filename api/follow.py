"""Following, a thread a follower: what plain Flask serves. The stream lane does the same for thousands."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from api.frames import HEARTBEAT_S, PIECE_BYTES, Frames
from coinslot.changes import Feed, Page
from coinslot.errors import FeedUnavailable
from coinslot.store import Store, chunks

PAGE_CHANGES = 500
WAIT_S = 1.0  # also how long a follower may outlive a stop


def stored(store: Store, start: int | float, frames: Frames) -> Iterator[bytes]:
    """The frames of what is stored from a timestamp on; raises StoreUnavailable before the first."""
    return (frames.stored(chunks.split([chunk])) for chunk in chunks.gather(store.find(start), PIECE_BYTES))


def changes(
    feed: Feed,
    cursor: str,
    frames: Frames,
    stopping: Callable[[], bool],
    clock: Callable[[], float],
) -> Iterator[bytes]:
    """The frames of all changes after a cursor, as they come, until stopping or until the feed is lost."""
    heartbeat_at = clock() + HEARTBEAT_S
    try:
        while not stopping():
            page = feed.read(cursor, PAGE_CHANGES)
            if page.gap or page.changes:
                cursor = position(page)
                yield frames.page(page)
                heartbeat_at = clock() + HEARTBEAT_S
                continue
            if clock() >= heartbeat_at:
                yield frames.heartbeat
                heartbeat_at = clock() + HEARTBEAT_S
            feed.wait(cursor, WAIT_S)
    except FeedUnavailable:
        return  # the connection ends, and the follower resumes at its cursor when it finds us well again


def position(page: Page) -> str:
    """The cursor to go on from after a page that says something."""
    if page.changes:
        return page.changes[-1].cursor
    assert page.gap is not None, "an empty page has no position"
    return page.gap.oldest
