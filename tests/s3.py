"""A server that speaks as S3 does, moto's, in this process."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import urllib3


@contextmanager
def s3_server(address: str = "127.0.0.1") -> Iterator[str]:
    """Yields its URL."""
    from moto.server import ThreadedMotoServer  # which takes a second, and most tests do not need it

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address=address, port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def make_bucket(url: str, name: str) -> str:
    """The URL of a new bucket."""
    assert urllib3.request("PUT", f"{url}/{name}").status == 200
    return f"{url}/{name}"
