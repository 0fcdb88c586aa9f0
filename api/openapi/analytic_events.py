"""Writing analytic events: the route that ingest/analytics.py answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.openapi import Json, ref
from api.openapi.answers import json, operation, shared
from api.openapi.parameters import named
from api.openapi.shapes import NAME, TEXT, YES_NO, array_of, said
from coinslot.analytics.event import MAX_USER_ID_CHARACTERS, MAX_YEAR, MIN_YEAR
from coinslot.media import JSON

PATH = "/v0/analytics"
TAG = "analytics"
CHECKOUT = {"event_name": "checkout", "user_id": "7fbc2a", "value": 24.5}


def paths(limits: Mapping[str, Any]) -> Json:
    return {PATH: {"post": _post(limits)}}


def schemas(limits: Mapping[str, Any]) -> Json:
    events = {**array_of("AnalyticEvent"), "maxItems": limits["max_events_per_post"]}
    batch = {"type": "object", "required": ["events"], "properties": {"events": events, "event_name": False}}
    return {
        "AnalyticEvent": {
            "type": "object",
            "description": "That a user did something. Other fields may be there, and are not looked at. `null` for a "
            f"field that is not required is as good as nothing. At most {limits['max_event_bytes']} bytes of JSON.",
            "required": ["event_name", "user_id"],
            "properties": {
                "event_name": NAME,
                "user_id": said("Counted, and not kept.", {**NAME, "maxLength": MAX_USER_ID_CHARACTERS}),
                "namespace": _or_null({**NAME, "default": "default"}),
                "value": said("Added to `value.sum`, the first time.", _or_null({"type": "number"})),
                "ensure_goal": said("Make this event a goal; `false` never unmakes one.", _or_null(YES_NO)),
                "datetime": said(
                    f"In RFC 3339, and in a year from {MIN_YEAR} to {MAX_YEAR}; it chooses the weekly cohort.",
                    _or_null({**TEXT, "format": "date-time"}),
                ),
            },
            "examples": [CHECKOUT],
        },
        "AnalyticEvents": {
            "description": "One, an array of them, or an object with such an array. An object with an `event_name` is "
            "an event, whatever its `events`.",
            "anyOf": [ref("schemas", "AnalyticEvent"), events, batch],
        },
    }


def _post(limits: Mapping[str, Any]) -> Json:
    most = f"{limits['max_body_bytes']} bytes once inflated, and {limits['max_events_per_post']} events"
    error = ref("schemas", "Error")
    answers = {
        "204": {"description": "The queue holds the events, synced to disk; they will be counted."},
        "400": json("An event is at fault, or the body. Nothing was accepted.", error),
        "411": json("There is no Content-Length.", error),
        "413": json("The body or an event is too large, or there are too many. Nothing was accepted.", error),
        "415": json("This content type or encoding is not taken.", error),
        "503": json("The queue cannot take events now. They may safely be sent again.", error, ["Retry-After"]),
        **shared({"401": "UnauthorizedV0"}),
    }
    content = {JSON: {"schema": ref("schemas", "AnalyticEvents"), "example": CHECKOUT}}
    return operation(
        "sendAnalytics",
        TAG,
        "Drop analytic events in",
        answers,
        needs="write",
        description=f"At most {most}: all or none of them.",
        parameters=named("Encoding"),
        requestBody={"required": True, "content": content},
    )


def _or_null(schema: Json) -> Json:
    return {**schema, "type": [schema["type"], "null"]}
