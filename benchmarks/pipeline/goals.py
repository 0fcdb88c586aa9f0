"""Goals, made over HTTP."""

from __future__ import annotations

import msgspec
import urllib3

from benchmarks.benchmark import Invalid


def make(url: str, name: str) -> None:
    """Raises Invalid."""
    body = msgspec.json.encode({"goal_name": name})
    answer = urllib3.request("POST", f"{url}/v0/goals", body=body, headers={"Content-Type": "application/json"})
    if answer.status != 204:
        raise Invalid(f"a goal was answered {answer.status} {answer.data[:100]!r}")
