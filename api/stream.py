"""GET /wsapi/interaction_data/stream in plain Flask: a thread a follower, so only so many of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import chain

from flask import Blueprint, Response, request

from api.follow import changes, stored
from api.follow_request import parse_follow
from api.frames import pieces
from coinslot.changes import Feed
from coinslot.errors import FeedUnavailable
from coinslot.server import Stopping
from coinslot.store import Store

PATH = "/wsapi/interaction_data/stream"
MAX_FOLLOWERS = 64  # a thread each; the lane carries more
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class TooManyFollowers(FeedUnavailable):
    """As many follow already as this process can serve; try again later."""


def blueprint(
    store: Store, feed: Feed, stopping: Stopping, clock: Callable[[], float], followers_max: int = MAX_FOLLOWERS
) -> Blueprint:
    routes = Blueprint("stream", __name__)
    free = threading.Semaphore(followers_max)

    @routes.get(PATH)
    def stream() -> Response:
        asked = parse_follow(request.args, request.headers.get("Accept", ""), request.headers.get("Last-Event-ID", ""))
        # The tip is taken before the store is read: what is stored meanwhile is told twice rather than never.
        cursor = asked.after or feed.tip()
        backfill = iter(()) if asked.start is None else stored(store, asked.start, asked.frames)
        if request.method == "HEAD":  # its answer is never iterated, and so never closed
            return Response(content_type=asked.frames.content_type, headers=HEADERS)
        if not free.acquire(blocking=False):
            raise TooManyFollowers()
        chunks = chain(backfill, [asked.frames.begin(cursor)], changes(feed, cursor, asked.frames, stopping, clock))
        body = chain.from_iterable(map(pieces, chunks))
        response = Response(body, content_type=asked.frames.content_type, headers=HEADERS)
        response.call_on_close(free.release)
        return response

    return routes
