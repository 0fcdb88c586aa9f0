"""Parts that fail in ways nobody foresaw, and web apps made of them: what a bug of ours looks like from outside.

python -m tests.faults.broken front|api
"""

from __future__ import annotations

import sys
from typing import Any

from a2wsgi import WSGIMiddleware

import api.app
from api.lane import StreamLane
from coinslot import server
from coinslot.server import Stopping
from coinslot.settings import Settings
from ingest.lane import FastLane

SECRET = "/srv/secret"


class Broken:
    """Whatever is asked of it, it fails; some of it when the first words have been said."""

    def find(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError(SECRET)

    get = count = ping = tip = read = start = close = find


def intake(_: Any) -> Any:
    raise RuntimeError(SECRET)


def create_front(settings: Settings, stopping: Stopping) -> Any:
    parts: Any = Broken()
    return FastLane(intake, api.app.create_flask(settings, stopping, parts, parts))


def create_api(settings: Settings, stopping: Stopping) -> Any:
    parts: Any = Broken()
    flask: Any = api.app.create_flask(settings, stopping, parts, parts)
    hub: Any = Idle()
    return StreamLane(WSGIMiddleware(flask), parts, parts, hub, followers_max=1)


class Idle:
    """A hub that nobody has joined."""

    def __len__(self) -> int:
        return 0

    def start(self) -> None:
        """Nothing to read."""

    close = start


if __name__ == "__main__":
    server.main(sys.argv[1], create_api if sys.argv[1] == "api" else create_front, asgi=sys.argv[1] == "api")
