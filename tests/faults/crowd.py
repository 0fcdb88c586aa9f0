"""Many clients that POST at the same moment, each an event of its own, and how long each waits for its answer."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import msgspec
import urllib3

from tests.pipeline import PATH

TIMEOUT_S = 30.0  # far beyond what is asked for, so that the wait itself is measured


class Answered(NamedTuple):
    id: str
    status: int
    wait_s: float


class Crowd:
    """`with` it; `size` clients, each with a connection of its own, that is made at its first POST."""

    def __init__(self, url: str, size: int = 64) -> None:
        self._url = f"{url}{PATH}"
        self._size = size
        self._http = urllib3.PoolManager(maxsize=size, retries=False, timeout=TIMEOUT_S)
        self._clients = ThreadPoolExecutor(size, "client")

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        self._clients.shutdown()
        self._http.clear()

    def post(self) -> list[Answered]:
        """One POST from each client, all at once; their answers."""
        return list(self._clients.map(self._post, range(self._size)))

    def _post(self, _: int) -> Answered:
        id = uuid.uuid4().hex
        body, began = msgspec.json.encode({"_id": id, "timestamp": int(time.time() * 1000)}), time.monotonic()
        response = self._http.request("POST", self._url, body=body, headers={"Content-Type": "application/json"})
        return Answered(id, response.status, time.monotonic() - began)
