"""A load of events: posted from several threads, each noted in the journal before its fate is forgotten."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from typing import Any, Self

import msgspec
import urllib3

from coinslot.selftest.journal import Journal

PATH = "/wsapi/interaction_data"
TIMEOUT_S = 10.0
RETRY_PAUSE_S = 0.1  # shorter than what the server asks for: the load is to press
JOIN_TIMEOUT_S = TIMEOUT_S + 5.0

Batch = list[bytes]


class Load:
    """Posts batches of new events until stopped; `with` it, or `start` and `stop`.

    An event is sent until it is acknowledged, as a client should do it, or once with `resend=False`. more: what else
    the event of an id holds; heard: takes each answer.
    """

    def __init__(
        self,
        url: str,
        journal: Journal,
        *,
        threads: int = 4,
        events_per_post: int = 50,
        pause_s: float = 0.05,
        padding_bytes: int = 100,
        resend: bool = True,
        more: Callable[[str], dict[str, Any]] = lambda _: {},
        heard: Callable[[urllib3.BaseHTTPResponse], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url = f"{url}{PATH}?on_error=skip"
        self._journal = journal
        self._events_per_post = events_per_post
        self._pause_s = pause_s
        self._padding = "x" * padding_bytes
        self._resend = resend
        self._more = more
        self._heard = heard
        self._clock = clock
        self._headers = {"Content-Type": "application/x-ndjson"}
        self._http = urllib3.PoolManager(maxsize=threads, retries=False, timeout=TIMEOUT_S)
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, name=f"load-{n}", daemon=True) for n in range(threads)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Post nothing new; returns when every post under way has been answered or given up."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(JOIN_TIMEOUT_S)
        self._http.clear()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        run, sent = uuid.uuid4().hex[:12], 0
        while not self._stopping.is_set():
            ids = [f"{run}-{sent + n}" for n in range(self._events_per_post)]
            sent += len(ids)
            body = b"\n".join(map(self._event, ids))
            while not self._post(ids, body) and self._resend and not self._stopping.wait(RETRY_PAUSE_S):
                pass
            self._stopping.wait(self._pause_s)

    def _event(self, id: str) -> bytes:
        event = {"_id": id, "timestamp": int(self._clock() * 1000), "padding": self._padding, **self._more(id)}
        return msgspec.json.encode(event)

    def _post(self, ids: list[str], body: bytes) -> bool:
        """Whether it was acknowledged."""
        try:
            answer = self._http.request("POST", self._url, body=body, headers=self._headers)
        except urllib3.exceptions.HTTPError:
            self._journal.forget(ids)
            return False
        self._heard(answer)
        if answer.status != 201:
            self._journal.refuse(ids, answer.status)
            return False
        self._journal.acknowledge(ids)
        return True
