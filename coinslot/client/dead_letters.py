"""The client's way to dead letters, which takes an admin token where tokens are asked for."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TypeVar
from urllib.parse import quote

import msgspec

from coinslot.client.answers import DeadLetter, DeadLetterPage
from coinslot.client.connection import Connection, Response
from coinslot.errors import CoinslotError
from coinslot.keys import EVENTS

PATH = "/dead-letters"

_T = TypeVar("_T")


class _Moved(msgspec.Struct):
    events: int


class _Resumed(msgspec.Struct):
    resumed: bool


class _Payload(msgspec.Struct):
    payload: str
    encoding: str


class DeadLetterCalls:
    """The calls of `Client` that concern dead letters. Raise Unavailable and Refused: status 404 for an unknown id.

    queue: whose letters, `events` or `analytics`; each has ids of its own. Only that of events is ever halted.
    """

    _server: Connection

    def dead_letters(
        self, after: str | None = None, limit: int | None = None, *, queue: str = EVENTS
    ) -> DeadLetterPage:
        """Up to `limit` (100; 1,000 at most) dead letters behind an id, without their payloads."""
        query = {"after": after, "limit": limit, "queue": queue}
        return _decode(self._server.request("GET", PATH, query), DeadLetterPage)

    def dead_letter(self, id: str, *, queue: str = EVENTS) -> DeadLetter:
        """One dead letter, with its payload."""
        response = self._server.request("GET", _path(id), {"queue": queue})
        sent = _decode(response, _Payload)
        payload = base64.b64decode(sent.payload) if sent.encoding == "base64" else sent.payload.encode()
        fields = {key: value for key, value in _decode(response, dict).items() if key != "payload"}
        return replace(msgspec.convert(fields, DeadLetter), payload=payload)

    def replay(self, id: str, *, queue: str = EVENTS) -> int:
        """Put a dead letter back into the queue; returns how many events it holds.

        It is put back once, however often this is tried; after an attempt whose answer was lost the next gets 404.
        Analytic events are counted when they come, after what has come meanwhile: to a goal reached before they do not
        count.
        """
        return _decode(self._server.request("POST", f"{_path(id)}/replay", {"queue": queue}), _Moved).events

    def drop(self, id: str, *, queue: str = EVENTS) -> int:
        """Throw a dead letter away; returns how many events it held."""
        return _decode(self._server.request("DELETE", _path(id), {"queue": queue}), _Moved).events

    def resume(self) -> bool:
        """Let workers that were halted go on; False if they were not."""
        return _decode(self._server.request("POST", f"{PATH}/resume", {}), _Resumed).resumed


def _path(id: str) -> str:
    return f"{PATH}/{quote(id, safe='')}"


def _decode(response: Response, type: type[_T]) -> _T:
    try:
        return msgspec.json.decode(response.data, type=type)
    except msgspec.MsgspecError as error:
        raise CoinslotError(f"the server does not answer as Coinslot does: {error}") from None
