"""Erasures over HTTP. No row of coinslot/access/permission.py names them, so they are the admin's.

POST  /erasures         {"field": "user_id", "value": "abc"}    {"erased": N, "done": true, "after": null, "at": null,
                                                                 "note": null, or what one should know}
POST  /erasures/count   the same, and nothing is removed        {"matching": N, and the same}

An answer takes some seconds at most. If it says `"done": false`, ask again with its `after` in the body, until it is
done; N is what this one answer erased, and `at` says what comes next. A `note` while that is the queue says that
workers are halted. Begun anew, an erasure finds what is left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from flask import Blueprint, Response

from coinslot.errors import BadErasure, Halted
from coinslot.match import Match, parse
from coinslot.removal.erasure import START, Erasure, Part, Progress
from coinslot.store import Erasable
from coinslot.web import json_response, read_body

PATH = "/erasures"
QUEUE = "queue"  # the places where workers are waited for
MAX_BODY_BYTES = 64 * 1024

Places = list[tuple[str, Erasable]]


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    field: str
    value: Any
    after: str | None = None


_asked = msgspec.json.Decoder(_Asked).decode


def blueprint(
    places: Places,
    counted: Places,
    clock: Callable[[], float],
    note: str | None,
    check_halt: Callable[[], None],
) -> Blueprint:
    """`places`: all that hold events, each with its name, in the order of coinslot/removal/erasure.py; `counted`: those
    in which events are counted beforehand; `note`: what whoever erases should know; `check_halt`: raises Halted while
    nothing leaves the queue.
    """
    routes = Blueprint("erasures", __name__)
    erasure = Erasure([place for _, place in places], clock)
    counting = Erasure([place for _, place in counted], clock)

    @routes.post(PATH)
    def erase() -> Response:
        match, at = _read()
        part = erasure.erase(match, at)
        halted = _halted(check_halt) if _next(part, places) == QUEUE else None
        return _answer("erased", part, places, halted or note)

    @routes.post(f"{PATH}/count")
    def count() -> Response:
        match, at = _read()
        return _answer("matching", counting.count(match, at), counted)

    return routes


def _read() -> tuple[Match, Progress]:
    body = read_body(MAX_BODY_BYTES)
    try:
        asked = _asked(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadErasure(f'not as {PATH} takes it, {{"field": text, "value": …}}: {error}') from None
    return parse(asked.field, asked.value), Progress.parse(asked.after) if asked.after else START


def _halted(check: Callable[[], None]) -> str | None:
    """A note that says so; None if they are not."""
    try:
        check()
    except Halted as error:
        return (
            f"workers are {error}; nothing queued is stored before they go on, and nothing stored is erased: "
            "mend what is wrong, then `coinslot dead resume`, and erase again"
        )
    return None


def _next(part: Part, places: Places) -> str | None:
    """The name of the place that is next; None at the end."""
    return places[part.next.place][0] if part.next else None


def _answer(word: str, part: Part, places: Places, note: str | None = None) -> Response:
    at = part.next
    told = {"after": str(at) if at else None, "at": _next(part, places), "note": note}
    return json_response({word: part.events, "done": at is None, **told})
