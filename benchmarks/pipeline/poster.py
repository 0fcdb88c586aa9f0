"""Bodies that are posted as fast as they are taken, over a few connections at once."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import urllib3

from benchmarks.benchmark import Invalid

CONNECTIONS = 8
ANSWER_TIMEOUT_S = 30.0


class Route(NamedTuple):
    """Where bodies are posted to, what they are, and how they are answered when accepted."""

    path: str
    media: str
    status: int


EVENTS = Route("/wsapi/interaction_data", "application/x-ndjson", 201)
ANALYTIC_EVENTS = Route("/v0/analytics", "application/json", 204)


def post_all(url: str, bodies: Iterable[bytes], route: Route = EVENTS) -> None:
    """Return when every body has been accepted. Raises Invalid if one is not."""
    headers = {"Content-Type": route.media}

    def post(body: bytes) -> None:
        answer = http.request("POST", url + route.path, body=body, headers=headers)
        if answer.status != route.status:
            raise Invalid(f"a POST was answered {answer.status} {answer.data[:100]!r}")

    with (
        urllib3.PoolManager(maxsize=CONNECTIONS, retries=False, timeout=ANSWER_TIMEOUT_S) as http,
        ThreadPoolExecutor(CONNECTIONS, "poster") as threads,
    ):
        for _ in threads.map(post, bodies):
            pass
