"""What a client does with the routes of analytics, on a running Coinslot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any
from urllib.parse import urlencode

import msgspec
import urllib3

from coinslot import redisclient
from coinslot.keys import Keys
from tests.pipeline import Pipeline, until

JSON = "application/json"
Query = Sequence[tuple[str, str]]


class Client:
    """Asks at `base`, the front or another web app of the pipeline's."""

    def __init__(self, pipeline: Pipeline, base: str = "") -> None:
        self._pipeline = pipeline
        self._base = base or pipeline.url

    def post(
        self, path: str, body: bytes | Iterator[bytes], media: str = JSON, **headers: str
    ) -> urllib3.BaseHTTPResponse:
        """Pieces of a body are sent in chunks."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._pipeline.http.request(
            "POST", f"{self._base}{path}", body=body, headers={"Content-Type": media, **fields}
        )

    def ask(self, path: str, query: Query = (), method: str = "GET") -> urllib3.BaseHTTPResponse:
        return self._pipeline.http.request(method, f"{self._base}{path}?{urlencode(query)}")

    def get(self, path: str, query: Query = ()) -> Any:
        """Its JSON; fails unless it is answered."""
        response = self.ask(path, query)
        assert response.status == 200, response.data
        return response.json()

    def make_goal(self, name: str, namespace: str = "default") -> None:
        response = self.post("/v0/goals", msgspec.json.encode({"goal_name": name, "namespace": namespace}))
        assert (response.status, response.data) == (204, b"")

    def count(self, events: Iterable[Mapping[str, Any]], batch: int = 250) -> None:
        """One batch after another, each once the one before it was accepted; then waits until all are counted."""
        left = iter(events)
        while part := list(islice(left, batch)):
            response = self.post("/v0/analytics", msgspec.json.encode(part))
            assert (response.status, response.data) == (204, b"")
        environment = self._pipeline.environment
        keys = Keys.of(environment["KEY_PREFIX"])
        with redisclient.connect(environment["REDIS_URL"], timeout_s=5) as redis:
            until(lambda: redis.xlen(keys.analytics) == 0, timeout_s=30, what=f"counted; {self._pipeline.logs()}")
