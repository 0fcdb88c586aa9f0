"""The web front, if one runs where it should: what it says of itself, and its clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime

import msgspec
import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError

from coinslot.doctor import clock
from coinslot.doctor.examination import PROBE_TIMEOUT_S
from coinslot.doctor.finding import Finding, ok, untold, warning, wrong

READY_TIMEOUT_S = 5.0  # it waits for its own broker and store, which may be what is wrong
ANSWER_MAX_BYTES = 64 * 1024
NAME = "front"
# What to do where a check of GET /ready fails.
REMEDIES = {
    "queue": "see what is said of the broker here; without one, of Redis",
    "store": "see what is said of the store here",
    "freshness": "are there workers, and enough of them? See what is said of them here",
    "dead_letters": "coinslot dead list; mend the cause; then coinslot dead resume",
}


class _Ready(msgspec.Struct):
    ready: bool
    checks: dict[str, str]


class Front:
    """The front at `url`, asked with `token` if there is one."""

    def __init__(self, url: str, token: str | None, now: clock.Clock, max_age_s: float) -> None:
        parts = urllib3.util.parse_url(url)
        self._shown = f"{parts.scheme}://{parts.netloc}"  # without user and password
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._now = now
        self._max_age_s = max_age_s
        self._pool = urllib3.PoolManager(retries=False)
        self._path = ""  # asked last

    def examine(self) -> Iterator[Finding]:
        try:
            before_s = self._now()
            alive, headers, _ = self._get("/alive")
            after_s = self._now()
            if alive != 200:
                remedy = "is it another program's? Name Coinslot's with --url; else restart the front"
                yield wrong(NAME, f"{self._shown} answers {alive} to /alive", remedy)
                return
            yield ok(NAME, f"{self._shown} is alive")
            yield from self._clock(headers, before_s, after_s)
            yield from self._ready()
            if self._headers:
                yield self._token()
        except NewConnectionError:
            yield warning(NAME, f"nothing listens at {self._shown}", "start it: make up, or python -m front; or --url")
        except HTTPError as error:
            name = NAME if self._path == "/alive" else NAME + self._path.replace("/", ".")
            seen = f"{self._shown} does not answer {self._path}: {type(error).__name__}"
            yield wrong(name, seen, "is it overloaded, frozen, or behind a firewall? Restart it")

    def _get(self, path: str, timeout_s: float = PROBE_TIMEOUT_S) -> tuple[int, Mapping[str, str], bytes]:
        self._path = path
        response = self._pool.request(
            "GET", f"{self._url}{path}", headers=self._headers, timeout=timeout_s, preload_content=False
        )
        try:
            return response.status, response.headers, response.read(ANSWER_MAX_BYTES)
        finally:
            response.close()

    def _clock(self, headers: Mapping[str, str], before_s: float, after_s: float) -> Iterator[Finding]:
        try:
            there_s = parsedate_to_datetime(headers.get("Date", "")).timestamp()
        except ValueError:  # it sends none, or nonsense
            return
        reading = clock.Reading(there_s, before_s, after_s, tick_s=1)
        yield clock.compare("front.clock", "the front's", reading, self._max_age_s)

    def _ready(self) -> Iterator[Finding]:
        status, _, body = self._get("/ready", READY_TIMEOUT_S)
        try:
            told = msgspec.json.decode(body, type=_Ready)
        except msgspec.MsgspecError:
            yield wrong("front.ready", f"{status}, and not as Coinslot says it", "name Coinslot's front with --url")
            return
        if told.ready:
            yield ok("front.ready", f"ready: {', '.join(told.checks)}")
        for check, word in told.checks.items():
            if word != "ok":
                yield wrong(f"front.ready.{check}", word, REMEDIES.get(check, "see the front's log"))

    def _token(self) -> Finding:
        name, (status, _, _) = "front.token", self._get("/audit")
        if status == 200:
            return ok(name, "is let in")
        if status in (401, 403):
            return wrong(name, f"{status}: may not read the audit", "one of READ_TOKENS or ADMIN_TOKENS, as --token")
        return untold(name, f"GET /audit answers {status}", "mend what else is said here, then ask again")
