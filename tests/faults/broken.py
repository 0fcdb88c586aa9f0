"""Parts that fail in ways nobody foresaw, and web apps made of them: what a bug of ours looks like from outside.

python -m tests.faults.broken front|api
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

from a2wsgi import WSGIMiddleware

import api.app
import front
import ingest.app
from api.lane import StreamLane
from coinslot import server
from coinslot.server import Site, Stopping
from coinslot.settings import Settings
from ingest.budget import Budget
from ingest.desk import Desk
from ingest.lane import Lane

SECRET = "/srv/secret"


class Broken:
    """Whatever is asked of it, it fails; some of it when the first words have been said."""

    def find(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError(SECRET)

    get = count = ping = tip = read = start = close = take = join = refuse = __call__ = find


def create_ingest(settings: Settings, _stopping: Stopping) -> Site:
    parts: Any = Broken()
    app: Any = ingest.app.create_flask(dict.fromkeys(ingest.app.PATHS, parts), parts)
    desks = dict.fromkeys(ingest.app.PATHS, Desk(parts, parts))
    return Site(WSGIMiddleware(app), 100, partial(Lane, desks, Budget(2**20), lambda _: True, 2**20))


def create_api(settings: Settings, stopping: Stopping) -> Site:
    parts: Any = Broken()
    flask: Any = api.app.create_flask(settings, stopping, parts, parts)
    hub: Any = Idle()
    return Site(StreamLane(WSGIMiddleware(flask), parts, parts, hub, followers_max=1), 100)


class Idle:
    """A hub that nobody has joined."""

    def __len__(self) -> int:
        return 0

    def start(self) -> None:
        """Nothing to read."""

    close = start


def create_front(settings: Settings, stopping: Stopping) -> Site:
    return front.joined(create_ingest(settings, stopping), create_api(settings, stopping))


if __name__ == "__main__":
    server.main(create_api if sys.argv[1] == "api" else create_front)
