"""The Python client: `save`, `save_many`, `fetch_range`, `count` and `follow`; `audit` besides.

with Client("http://127.0.0.1:3000") as client:
    client.save({"timestamp": 1333046104322})
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, Self, TypeVar
from urllib.parse import parse_qsl, urlsplit

import msgspec

from coinslot.client import following
from coinslot.client.answers import Change, Refused, Saved, Unavailable
from coinslot.client.connection import Connection, Response
from coinslot.client.dead_letters import DeadLetterCalls
from coinslot.client.erasures import ErasureCalls
from coinslot.errors import CoinslotError
from coinslot.keys import EVENTS as EVENTS_QUEUE

DEFAULT_URL = "http://127.0.0.1:3000"
EVENTS = "/wsapi/interaction_data"
ACCEPTED = 201
PAGE_MAX_EVENTS = 10_000  # the server gives no longer pages
SILENCE_S = 45.0  # a stream is dead without three of the server's comments, one every 15 s

_T = TypeVar("_T")


class Client(DeadLetterCalls, ErasureCalls):
    """Speaks to one server; safe to share between threads.

    `token` is for a server that asks for one. `timeout_s` bounds the wait for a connection and each wait for the
    server; `retries` how often in a row a request is tried again after 429, 503 or a lost connection, with pauses of up
    to 75 s. When that did not help, every method raises Unavailable, and Refused where trying again would not help.
    """

    def __init__(
        self, url: str = DEFAULT_URL, *, token: str | None = None, timeout_s: float = 10.0, retries: int = 8
    ) -> None:
        self._timeout_s = timeout_s
        self._server = Connection(url, timeout_s, retries, token)

    def save(self, event: Mapping[str, Any]) -> str:
        """Have one event accepted; returns its `_id`."""
        return self.save_many([event]).ids[0]

    def save_many(self, events: Iterable[Mapping[str, Any]], *, skip_bad: bool = False) -> Saved:
        """Have events accepted in one request: all of them or, with `skip_bad`, those that can be.

        An event without an `_id` gets one here, so that trying again never stores it twice.
        """
        lines = (_encode({"_id": uuid.uuid4().hex, **event}) for event in events)
        return self.save_lines(lines, skip_bad=skip_bad)

    def save_lines(self, lines: Iterable[bytes], *, skip_bad: bool = False) -> Saved:
        """`save_many` for events that are JSON already, each on one line and with an `_id`."""
        query = {"on_error": "skip" if skip_bad else None}
        headers = {"Content-Type": "application/x-ndjson"}
        response = self._server.request("POST", EVENTS, query, body=b"\n".join(lines), headers=headers)
        if response.status != ACCEPTED:
            raise Refused(response.status, f"only {ACCEPTED} says that events were accepted")
        return _decode(response, Saved)

    def fetch_range(
        self,
        start: float | None = None,
        end: float | None = None,
        *,
        limit: int | None = None,
        descending: bool = False,
    ) -> Iterator[dict[str, Any]]:
        """The events with start <= timestamp <= end by timestamp, in flat memory.

        Raises Unavailable also in the middle, if the answer breaks off.
        """
        decode = msgspec.json.Decoder(dict[str, Any]).decode
        return map(decode, self.fetch_lines(start, end, limit=limit, descending=descending))

    def fetch_lines(
        self,
        start: float | None = None,
        end: float | None = None,
        *,
        limit: int | None = None,
        descending: bool = False,
    ) -> Iterator[bytes]:
        """`fetch_range` with each event as its JSON, on one line."""
        query: dict[str, str | float | None] = {"start": start, "end": end, "order": "desc" if descending else None}
        headers = {"Accept": "application/x-ndjson"}
        left = math.inf if limit is None else limit
        # Without a limit the range is one answer. With one it comes in pages, which the server may cut short.
        while left > 0:
            query["limit"] = None if limit is None else min(left, PAGE_MAX_EVENTS)
            response = self._server.request("GET", EVENTS, query, headers=headers, preload_content=False)
            with self._server.reading(response) as lines:
                for line in lines:
                    if not line.endswith(b"\n"):
                        raise Unavailable("the server broke off its answer: its store went away")
                    yield line.rstrip()
                    left -= 1
            query["after"] = _next_page(response)
            if not query["after"]:
                return

    def count(self, start: float | None = None, end: float | None = None) -> int:
        """How many events are stored in the range."""
        return _decode(self._server.request("GET", f"{EVENTS}/count", {"start": start, "end": end}), int)

    def audit(self, *, queue: str = EVENTS_QUEUE) -> dict[str, Any]:
        """The ledger; `balanced` says whether accepted = stored + duplicate + dead + queued.

        queue: `events`, or `analytics`, in whose ledger the `stored` are those that were counted.
        """
        return _decode(self._server.request("GET", "/audit", {"queue": queue}), dict[str, Any])

    def follow(
        self, after: str | None = None, start: float | None = None, *, skip_gaps: bool = False
    ) -> Generator[Change, None, None]:
        """Each change as it happens, until the generator or the client is closed.

        From now on, or from the cursor `after` on, or first what is stored from the timestamp `start` on. The
        first connection is made before this returns, so that what is saved afterwards is not missed. Where a
        connection is lost the next one goes on: a change may come twice, none goes missing. Where the feed has
        let some go, FeedGap is raised or, with `skip_gaps`, logged.
        """
        messages = following.messages(self._listen, self._server.pause, after, start)
        first = list(islice(messages, 1))
        return following.changes(messages, first, skip_gaps=skip_gaps)

    @contextmanager
    def _listen(self, after: str | None, start: float | None) -> Iterator[Iterator[bytes]]:
        response = self._server.request_once(
            "GET",
            f"{EVENTS}/stream",
            {"after": after, "start": start},
            headers={"Accept": "text/event-stream"},
            preload_content=False,
            timeout=max(self._timeout_s, SILENCE_S),
        )
        with self._server.reading(response) as lines:
            yield lines

    def close(self) -> None:
        """End followers and retries, those of other threads too, and let go of connections."""
        self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _encode(event: Mapping[str, Any]) -> bytes:
    # Not by msgspec, which would turn NaN into null without a word.
    return json.dumps(event, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


def _next_page(response: Response) -> str | None:
    """The cursor in `Link: <...after=CURSOR...>; rel="next"`, which is there if there is a next page."""
    url = response.headers.get("Link", "").partition(">")[0]
    return dict(parse_qsl(urlsplit(url).query)).get("after")


def _decode(response: Response, type: type[_T]) -> _T:
    try:
        return msgspec.json.decode(response.data, type=type)
    except msgspec.MsgspecError as error:
        raise CoinslotError(f"the server does not answer as Coinslot does: {error}") from None
