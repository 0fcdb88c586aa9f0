"""Both web apps behind one port, for one machine and for hosts that give one $PORT.

POSTs of events go to ingest, the rest to api. deploy/nginx.conf does the same.

python -m front
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import api.app
import ingest.app
from coinslot import server
from coinslot.server import Stopping
from coinslot.settings import Settings
from ingest.lane import PATH


def create_app(settings: Settings, stopping: Stopping) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    """One WSGI application of two."""
    post_app = ingest.app.create_app(settings, stopping)
    read_app = api.app.create_app(settings, stopping)

    def front(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        is_ingests = environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"] == PATH
        app = post_app if is_ingests else read_app
        answer: Iterable[bytes] = app(environ, start_response)
        return answer

    return front


if __name__ == "__main__":
    server.main("front", create_app)
