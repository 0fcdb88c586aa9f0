"""python -m tests.faults.retrying_front: a front whose Redis client repeats what failed, as redis.Redis does."""

from typing import Any
from urllib.parse import urlsplit

import redis

from coinslot import redisclient, server
from front import create_site


def connect(url: str, *, timeout_s: float, **_: Any) -> redis.Redis:
    server_of = urlsplit(url)
    return redis.Redis(server_of.hostname or "", server_of.port or 0, protocol=2, socket_timeout=timeout_s)


redisclient.connect = connect

if __name__ == "__main__":
    server.main(create_site)
