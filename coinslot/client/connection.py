"""The client's way to one server: requests that are tried again, and answers that are read as they come."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlencode

import msgspec
import urllib3
from urllib3.exceptions import HTTPError, LocationParseError

from coinslot.access.tokens import check_token
from coinslot.client.answers import Refused, Rejection, Unavailable

FIRST_PAUSE_S, LAST_PAUSE_S = 0.25, 60.0

TRY_AGAIN = (429, 502, 503, 504)  # 502 and 504 are a proxy's words for a server that is away

_log = logging.getLogger("coinslot")

Query = Mapping[str, str | float | None]
Response = urllib3.BaseHTTPResponse


class _Error(msgspec.Struct):
    what: str
    events: list[Rejection] = []


class Connection:
    """Requests to the server at `url`; safe to share between threads. Raises ValueError for what is no URL or token.

    connections: how many are kept open.

    urllib3 could try again by itself, but its waits cannot be cut short when the client is closed.
    """

    def __init__(
        self, url: str, timeout_s: float, retries: int, token: str | None = None, *, connections: int = 16
    ) -> None:
        self._url = checked_url(url)
        self._timeout_s = timeout_s
        self._retries = retries
        self._headers = {"Authorization": f"Bearer {check_token(token)}"} if token else {}
        self._pool = urllib3.PoolManager(maxsize=connections)
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._streams: set[Response] = set()

    def request(self, method: str, path: str, query: Query, **options: Any) -> Response:
        """An answer below 300; tried again after 429, 503 and lost connections. Raises Unavailable and Refused."""
        failures = 0
        while True:
            try:
                return self.request_once(method, path, query, **options)
            except Unavailable as error:
                failures += 1
                if not self.pause(failures, error):
                    raise

    def request_once(self, method: str, path: str, query: Query, **options: Any) -> Response:
        with self._reaching():
            response = self.exchange(method, path, query, **options)
            if response.status >= 300:
                raise _refusal(response)
        return response

    def exchange(self, method: str, path: str, query: Query, **options: Any) -> Response:
        """Whatever is answered, once. Raises Unavailable where nothing is."""
        if self._closed.is_set():
            raise Unavailable("the client is closed")
        given = urlencode({key: value for key, value in query.items() if value is not None})
        url = f"{self._url}{path}" + (f"?{given}" if given else "")
        headers = {**options.pop("headers", {}), **self._headers}
        options = {"timeout": self._timeout_s, "retries": False, **options}
        with self._reaching():
            return self._pool.request(method, url, headers=headers, **options)

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except HTTPError as error:
            raise Unavailable(f"{self._url} cannot be reached: {_cause(error)}") from error

    @contextmanager
    def reading(self, response: Response) -> Iterator[Iterator[bytes]]:
        """The lines of an answer asked for with `preload_content=False`; raises Unavailable if it breaks off."""
        with self._lock:
            self._streams.add(response)
        try:
            if self._closed.is_set():  # before the answer was among those that `close` ends
                raise Unavailable("the client is closed")
            yield iter(response)
        except HTTPError as error:
            raise Unavailable(f"{self._url} broke off its answer: {_cause(error)}") from error
        finally:
            with self._lock:
                self._streams.discard(response)
            response.close()

    def pause(self, failures: int, error: Unavailable) -> bool:
        """Wait before trying again; False once closed. Raises `error` if there were too many failures in a row."""
        if self._closed.is_set():
            return False
        if failures > self._retries:
            raise error
        if failures == 1:
            _log.warning("%s; trying again", error)
        pause_s = error.retry_after_s
        if pause_s is None:
            pause_s = FIRST_PAUSE_S * 2 ** min(failures - 1, 10)
        # Spread out, lest all who were turned away together come back together.
        return not self._closed.wait(min(pause_s, LAST_PAUSE_S) * random.uniform(1.0, 1.25))

    def close(self) -> None:
        """End waits and streams, those of other threads too, and let go of connections."""
        self._closed.set()
        with self._lock:
            for response in self._streams:
                with suppress(RuntimeError, ValueError):  # it has come to its end already
                    response.shutdown()
        self._pool.clear()


def checked_url(url: str) -> str:
    """The URL of a server, without a slash at its end; raises ValueError."""
    try:
        parts = urllib3.util.parse_url(url)
    except LocationParseError:
        parts = urllib3.util.Url()
    if parts.scheme not in ("http", "https") or not parts.host:
        raise ValueError(f"{url!r} is not an http:// or https:// URL")
    return url.rstrip("/")


def _cause(error: HTTPError) -> object:
    return error.__cause__ or error.args[-1]


def _refusal(response: Response) -> Unavailable | Refused:
    """What an answer of 300 and above means."""
    try:
        error = msgspec.json.decode(response.data, type=dict[str, _Error])["error"]
    except (msgspec.MsgspecError, KeyError):
        error = _Error(response.reason or "no reason given")
    if response.status in TRY_AGAIN:
        return Unavailable(f"{error.what} ({response.status})", retry_after_s(response))
    return Refused(response.status, error.what, error.events)


def retry_after_s(response: Response) -> float | None:
    """What it says, in seconds."""
    # Coinslot sends seconds; a date, which a proxy might send, counts as no hint.
    seconds = response.headers.get("Retry-After", "")
    return float(seconds) if seconds.isascii() and seconds.isdigit() else None
