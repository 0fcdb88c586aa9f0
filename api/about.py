"""What Coinslot says of itself: the first page, its HTTP, its limits, its ledger, and its errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, render_template, request

from api.query import MAX_LIMIT, BadQuery, parse_queue
from coinslot.analytics.counter import MAX_NAME_CHARACTERS
from coinslot.analytics.event import MAX_USER_ID_CHARACTERS
from coinslot.errors import (
    BadCursor,
    BadErasure,
    BadLetterId,
    CoinslotError,
    NoSuchLetter,
    QueueUnavailable,
    UnknownEvent,
)
from coinslot.events import MAX_DEPTH, MAX_ID_CHARACTERS
from coinslot.ledger import Ledger
from coinslot.media import ENCODINGS, TYPES
from coinslot.settings import Settings
from coinslot.web import error_response, json_response

RETRY_AFTER_S = 1

Limits = Mapping[str, int | tuple[str, ...]]


class Freshness:
    """A check of /ready: raises QueueUnavailable when the oldest event in a queue has waited too long.

    oldest_ms: of each queue, by its name to clients, when that was accepted, in ms since 1970; None if none waits.
    """

    def __init__(
        self, oldest_ms: Mapping[str, Callable[[], int | None]], clock: Callable[[], float], max_age_s: float
    ) -> None:
        self._oldest_ms = oldest_ms
        self._clock = clock
        self._max_age_s = max_age_s

    def __call__(self) -> None:
        ages_s = {queue: self._age_s(oldest_ms()) for queue, oldest_ms in self._oldest_ms.items()}
        late = [
            f"the oldest event in the queue of {queue} has waited for {age_s:.0f} s"
            for queue, age_s in ages_s.items()
            if age_s > self._max_age_s
        ]
        if late:
            raise QueueUnavailable("; ".join(late))

    def _age_s(self, oldest_ms: int | None) -> float:
        return 0.0 if oldest_ms is None else self._clock() - oldest_ms / 1000


def limits(settings: Settings) -> Limits:
    """The sizes and encodings taken (contract: GET /limits)."""
    return {
        "max_event_bytes": settings.max_event_bytes,
        "max_body_bytes": settings.max_body_bytes,
        "max_events_per_post": settings.max_events_per_post,
        "max_depth": MAX_DEPTH,
        "max_id_characters": MAX_ID_CHARACTERS,
        "max_name_characters": MAX_NAME_CHARACTERS,
        "max_user_id_characters": MAX_USER_ID_CHARACTERS,
        "max_page_events": MAX_LIMIT,
        "content_types": TYPES,
        "content_encodings": ENCODINGS,
    }


def blueprint(ledgers: Mapping[str, Ledger], limits: Limits, openapi: Mapping[str, Any]) -> Blueprint:
    """ledgers: of each queue, by its name to clients. `GET /audit?queue=` chooses."""
    routes = Blueprint("about", __name__)

    @routes.get("/")
    def index() -> str:
        return render_template("index.html", limits=limits)

    @routes.get("/wsapi/ping")
    def ping() -> Response:
        return Response("pong", content_type="text/plain")

    @routes.get("/limits")
    def show_limits() -> Response:
        return json_response(limits)

    @routes.get("/openapi.json")
    def show_openapi() -> Response:
        return json_response(openapi)

    @routes.get("/audit")
    def audit() -> Response:
        return json_response(ledgers[parse_queue(request.args)].audit().as_json())

    return routes


def refuse(error: CoinslotError) -> Response:
    """400 for what the client got wrong, 404 for what is not there, 503 for what may be there later."""
    if isinstance(error, BadQuery | BadCursor | BadErasure | BadLetterId | UnknownEvent):
        return error_response(400, str(error))
    if isinstance(error, NoSuchLetter):
        return error_response(404, str(error))
    response = error_response(503, str(error))
    response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response
