"""A whole Coinslot for tests: real processes on free ports, over real servers, that a test may kill one by one."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec
import urllib3

from coinslot.ports import free_port
from coinslot.settings import Settings
from coinslot.stack.process import Process

T = TypeVar("T")

START_TIMEOUT_S = 20.0
PATH = "/wsapi/interaction_data"

# What a developer has set must not reach what is tested.
_OURS = {name.upper() for name in Settings.names()}


def until(ask: Callable[[], T], *, timeout_s: float = 10.0, what: str = "") -> T:
    """The first true answer; fails if none comes in time."""
    deadline = time.monotonic() + timeout_s
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"still not after {timeout_s:g} s: {what or ask}"
        time.sleep(0.02)
    return answer


class Pipeline:
    """A front, workers and an api over given servers. `url` is the front's, `api_url` that of the stream lane.

    `environment` is settings by their variables' names; REDIS_URL must be among them. `token` is what clients send.
    """

    def __init__(
        self, folder: Path, environment: dict[str, str], *, workers: int = 1, api: bool = False, token: str = ""
    ) -> None:
        self.port, self.api_port = free_port(), free_port()
        self.url, self.api_url = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.api_port}"
        self.environment = {name: value for name, value in os.environ.items() if name not in _OURS}
        self.environment |= {"DATA_DIR": str(folder), "MODE": "prod", **environment}
        self._folder = folder
        self._credentials = {"Authorization": f"Bearer {token}"} if token else {}
        self._made: list[Process] = []
        self.front = self.process("front", PORT=str(self.port))
        self.workers = [self.process("worker", name=f"worker-{n}") for n in range(workers)]
        self.api = self.process("api", PORT=str(self.api_port)) if api else None
        self.http = urllib3.PoolManager(maxsize=32, retries=False, timeout=urllib3.Timeout(connect=2, read=10))

    def process(self, module: str, *, name: str = "", **environment: str) -> Process:
        """One more process of ours, not started; `stop` ends it as well."""
        log = self._folder / f"{name or module}.log"
        command = [sys.executable, "-m", module]
        self._made.append(Process(name or module, command, env={**self.environment, **environment}, log=log))
        return self._made[-1]

    def start(self) -> Pipeline:
        for process in [self.front, *self.workers, *([self.api] if self.api else [])]:
            process.start()
        self.wait_up(self.url)
        if self.api:
            self.wait_up(self.api_url)
        return self

    def wait_up(self, url: str) -> None:
        until(lambda: self.answers("/alive", url), timeout_s=START_TIMEOUT_S, what=f"{url} up; {self.logs()}")

    def stop(self) -> None:
        for process in self._made:
            process.terminate()
        for process in self._made:
            process.stop()
        self.http.clear()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-2000:] for path in sorted(self._folder.glob("*.log")))

    def answers(self, path: str, url: str = "") -> bool:
        """Whether a GET of the path, from the front or another web app of ours, is answered with 200."""
        try:
            return self.http.request("GET", f"{url or self.url}{path}").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    # What a client does

    def post(
        self, body: bytes, media: str = "application/json", query: str = "", **headers: str
    ) -> urllib3.BaseHTTPResponse:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.request(
            "POST",
            f"{self.url}{PATH}{query}",
            body=body,
            headers={"Content-Type": media, **self._credentials, **fields},
        )

    def send(self, events: Sequence[dict[str, Any]]) -> list[str]:
        """Post events as JSON; their ids. Fails unless they are accepted."""
        response = self.post(msgspec.json.encode(events))
        assert response.status == 201, response.data
        ids: list[str] = response.json()["ids"]
        return ids

    def get(self, path: str = "", **headers: str) -> urllib3.BaseHTTPResponse:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.request("GET", f"{self.url}{PATH}{path}", headers={**self._credentials, **fields})

    def count(self) -> int:
        count: int = self.get("/count").json()
        return count

    def events(self, query: str = "") -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = self.get(query).json()
        return events

    def audit(self) -> dict[str, Any]:
        audit: dict[str, Any] = self.http.request("GET", f"{self.url}/audit", headers=self._credentials).json()
        return audit

    def wait_count(self, count: int, *, timeout_s: float = 10.0) -> None:
        until(lambda: self.count() >= count, timeout_s=timeout_s, what=f"{count} stored, not {self.count()}")
        assert self.count() == count

    def wait_settled(self, *, timeout_s: float = 10.0) -> dict[str, Any]:
        """The ledger once nothing is queued."""
        until(lambda: self.audit()["queued_messages"] == 0, timeout_s=timeout_s, what=f"settled; {self.audit()}")
        return self.audit()
