"""Both web apps behind one port, for one machine and for hosts that give one $PORT; or a sidecar (FEATURES_MODE).

POSTs of events go to ingest, the rest to api. deploy/nginx.conf does the same.

python -m front
"""

from __future__ import annotations

from typing import Any

import api.app
import ingest.app
import sidecar.app
from coinslot import server
from coinslot.server import Site, Stopping
from coinslot.settings import Settings
from ingest.app import PATHS


def create_site(settings: Settings, stopping: Stopping) -> Site:
    """One web app of two, or a sidecar's."""
    if settings.features_mode == "sidecar":
        return sidecar.app.create_site(settings, stopping)
    return joined(ingest.app.create_site(settings, stopping), api.app.create_site(settings, stopping))


def joined(posts: Site, reads: Site) -> Site:
    """The first has a lane; the second is told when the process starts and ends."""

    async def front(scope: dict[str, Any], receive: Any, send: Any) -> None:
        is_ingests = scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in PATHS
        await (posts if is_ingests else reads).app(scope, receive, send)

    return Site(front, posts.max_connections + reads.max_connections, posts.lane)


if __name__ == "__main__":
    server.main(create_site)
