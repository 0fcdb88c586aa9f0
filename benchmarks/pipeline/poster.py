"""Bodies that are posted as fast as they are taken, over a few connections at once."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import urllib3

from benchmarks.benchmark import Invalid

CONNECTIONS = 8
ANSWER_TIMEOUT_S = 30.0
HEADERS = {"Content-Type": "application/x-ndjson"}


def post_all(url: str, bodies: Iterable[bytes]) -> None:
    """Return when every body, of NDJSON, has been accepted. Raises Invalid if one is not."""

    def post(body: bytes) -> None:
        answer = http.request("POST", f"{url}/wsapi/interaction_data", body=body, headers=HEADERS)
        if answer.status != 201:
            raise Invalid(f"a POST was answered {answer.status} {answer.data[:100]!r}")

    with (
        urllib3.PoolManager(maxsize=CONNECTIONS, retries=False, timeout=ANSWER_TIMEOUT_S) as http,
        ThreadPoolExecutor(CONNECTIONS, "poster") as threads,
    ):
        for _ in threads.map(post, bodies):
            pass
