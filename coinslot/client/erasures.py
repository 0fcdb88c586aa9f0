"""The client's way to erasures, which takes an admin token where tokens are asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec

from coinslot.client.answers import ErasurePart, Unavailable
from coinslot.client.connection import Connection, Response
from coinslot.errors import CoinslotError

PATH = "/erasures"
QUEUE = "queue"
QUEUE_TIMEOUT_S = 300.0

Scalar = str | int | float | bool


class _Told(msgspec.Struct):
    done: bool
    after: str | None
    at: str | None
    note: str | None
    erased: int = 0
    matching: int = 0


class ErasureCalls:
    """The calls of `Client` that concern erasures. Raise Unavailable, and Refused for what cannot be erased."""

    _server: Connection

    def erase(self, field: str, value: Scalar) -> int:
        """Erase all events in which a field has a value, wherever they are kept; returns how many.

        `field` may be dotted, `user.id`. Whatever was accepted before is gone when this returns.
        """
        return sum(part.events for part in self.erase_in_parts(field, value))

    def erase_in_parts(self, field: str, value: Scalar) -> Iterator[ErasurePart]:
        """`erase` as it comes along, about every two seconds. Who stops in between leaves the rest.

        Raises Unavailable if what was queued at the beginning is not stored within five minutes, and at once if workers
        are halted.
        """
        queued_until = time.monotonic() + QUEUE_TIMEOUT_S
        for part in self._parts(PATH, field, value):
            yield part
            if part.at == QUEUE and part.note:
                raise Unavailable(part.note)
            if part.at == QUEUE and time.monotonic() >= queued_until:
                raise Unavailable(
                    "events that were accepted before are still queued, so nothing that is stored was erased yet: see "
                    "to the workers, and erase again"
                )

    def count_matching(self, field: str, value: Scalar) -> int:
        """How many events, stored or dead, `erase` would find now."""
        return sum(part.events for part in self._parts(f"{PATH}/count", field, value))

    def _parts(self, path: str, field: str, value: Scalar) -> Iterator[ErasurePart]:
        asked: dict[str, object] = {"field": field, "value": value}
        while True:
            headers = {"Content-Type": "application/json"}
            response = self._server.request("POST", path, {}, body=msgspec.json.encode(asked), headers=headers)
            told = _decode(response)
            yield ErasurePart(told.erased + told.matching, told.done, told.at, told.note)
            if told.done:
                return
            asked["after"] = told.after


def _decode(response: Response) -> _Told:
    try:
        return msgspec.json.decode(response.data, type=_Told)
    except msgspec.MsgspecError as error:
        raise CoinslotError(f"the server does not answer as Coinslot does: {error}") from None
