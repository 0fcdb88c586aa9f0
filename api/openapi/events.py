"""Writing, reading and following events: the routes of ingest/lane.py, api/ranges.py and api/stream.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from api import ranges, stream
from api.openapi import Json, ref
from api.openapi.answers import answer, json, operation, shared
from api.openapi.parameters import named
from api.openapi.schemas import SIGN_IN, STORED_SIGN_IN
from api.openapi.shapes import COUNT
from coinslot.media import FORM, JSON, NDJSON, TEXT

TAG = "events"
SSE = "text/event-stream"
REFUSED = shared({"400": "BadRequest", "503": "Unavailable"})


def paths(limits: Mapping[str, Any]) -> Json:
    return {
        ranges.PATH: {"post": _post(limits), "get": _range()},
        f"{ranges.PATH}/count": {"get": _count()},
        f"{ranges.PATH}/last": {"get": _last()},
        stream.PATH: {"get": _stream()},
    }


def _post(limits: Mapping[str, Any]) -> Json:
    most = f"{limits['max_body_bytes']} bytes once inflated, and {limits['max_events_per_post']} events"
    answers = {
        "201": _in_both("The queue holds the events, synced to disk.", ref("schemas", "Accepted"), {"const": "ok"}),
        "400": _refused("An event is at fault, or the body. Nothing was accepted."),
        "411": _refused("There is no Content-Length."),
        "413": _refused("The body or an event is too large, or there are too many events. Nothing was accepted."),
        "415": _refused("This content type or encoding is not taken."),
        "503": _refused(
            "The queue cannot take events now. With an `_id` they may safely be sent again.", ["Retry-After"]
        ),
    }
    return operation(
        "send",
        TAG,
        "Drop events in",
        answers,
        needs="write",
        description=f"At most {most}. A form, and JSON with `data`, come from old clients: they are answered in text.",
        parameters=named("OnError", "Encoding"),
        requestBody={"required": True, "content": _bodies()},
    )


def _bodies() -> Json:
    """By type, what a body may be; as in ingest/formats.py."""
    events = ref("schemas", "Events")
    wrapped = {"anyOf": [events, ref("schemas", "Wrapped")]}
    data = {"type": "string", "contentMediaType": JSON, "contentSchema": events}
    form = {"type": "object", "required": ["data"], "properties": {"data": data}}
    return {
        JSON: {"schema": wrapped, "example": SIGN_IN},
        NDJSON: {"schema": {"type": "array", "items": ref("schemas", "Event"), "description": "An event a line."}},
        TEXT: {"schema": {"type": "string", "contentMediaType": JSON, "contentSchema": wrapped}},
        FORM: {"schema": form, "example": {"data": msgspec.json.encode(SIGN_IN).decode()}},
    }


def _range() -> Json:
    stored = {"type": "array", "items": ref("schemas", "StoredEvent")}
    content = {
        JSON: {
            "schema": {"anyOf": [{**stored, "description": "A range."}, ref("schemas", "Found")]},
            "example": [STORED_SIGN_IN],
        },
        NDJSON: {"schema": {**stored, "description": "A range, an event a line: for those who accept this type."}},
    }
    return operation(
        "read",
        TAG,
        "The events of a range by timestamp, or one by its `_id`",
        {"200": answer("The events.", content, ["Link"]), **REFUSED, **shared({"404": "NotFound"})},
        needs="read",
        description="Without `limit` the whole range streams. An array that does not end was broken off by a fault.",
        parameters=named("Start", "End", "Limit", "After", "Order", "Id"),
    )


def _count() -> Json:
    answers = {"200": json("A number.", COUNT, example=1000), **REFUSED}
    return operation("count", TAG, "How many are stored", answers, needs="read", parameters=named("Start", "End"))


def _last() -> Json:
    found = json("That event.", ref("schemas", "StoredEvent"), example=STORED_SIGN_IN)
    answers = {"200": found, **shared({"404": "NotFound", "503": "Unavailable"})}
    return operation("last", TAG, "The event with the greatest timestamp", answers, needs="read")


def _stream() -> Json:
    content = {
        JSON: {
            "schema": ref("schemas", "Line"),
            "example": {"seq": "1700000000000-0", "doc": STORED_SIGN_IN},
        },
        SSE: {"schema": ref("schemas", "ServerSentEvent")},
    }
    return operation(
        "follow",
        TAG,
        "Every change, as it is stored",
        {
            "200": answer(
                "Endless: one of these after another, and an empty line or a comment when 15 s were quiet.", content
            ),
            **REFUSED,
        },
        needs="read",
        description="Lines of JSON ended by `\\r\\n`, or server-sent events for those who accept `text/event-stream`. "
        "`id` and `seq` are cursors: with one, nothing is missed, or a gap is told.",
        parameters=named("LastEventId", "AfterChange", "StoredSince"),
    )


def _refused(description: str, headers: Iterable[str] = ()) -> Json:
    return _in_both(description, ref("schemas", "Error"), {"type": "string"}, headers)


def _in_both(description: str, schema: Json, text: Json, headers: Iterable[str] = ()) -> Json:
    """JSON, or text for old clients."""
    return answer(description, {JSON: {"schema": schema}, TEXT: {"schema": text}}, headers)
