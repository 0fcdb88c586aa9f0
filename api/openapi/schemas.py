"""Events, and what is answered and streamed of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.openapi import Json, ref
from api.openapi.shapes import CHANGE_CURSOR, COUNT, TEXT, array_of, record, said
from coinslot.events import MAX_DEPTH, MAX_ID_CHARACTERS, RECEIVED_AT
from coinslot.media import JSON

# A sign-in sequence, the event that Coinslot was first made for.
SIGN_IN = {
    "timestamp": 1333046104322,
    "event_stream": [
        ["picker", 732],
        ["picker::change", 1700],
        ["picker::signin", 2300],
        ["assertion_generation", 2500],
        ["certified", 3300],
        ["assertion_generated", 4500],
        ["complete", 4632],
    ],
    "email_type": "secondary",
    "number_emails": 3,
    "new_account": False,
    "language": "en_US",
    "number_sites_logged_in": 1,
    "screen_size": {"width": 640, "height": 480},
    "sample_rate": 1.0,
    "user_agent": {"os": "TestOS", "browser": "Foo", "version": "42"},
}
STORED_SIGN_IN = {"_id": "4f75fc98e4b0f3c1d2a5b6c7", **SIGN_IN}


def components(limits: Mapping[str, Any]) -> Json:
    return {**_events(limits), **_answers(), **_stream()}


def _events(limits: Mapping[str, Any]) -> Json:
    id = {**TEXT, "minLength": 1, "maxLength": MAX_ID_CHARACTERS}
    return {
        "Event": {
            "type": "object",
            "description": f"At most {limits['max_event_bytes']} bytes of JSON. Integers fit in 64 bits, nesting ends "
            f"at {MAX_DEPTH}, keys hold no NUL.",
            "required": ["timestamp"],
            "properties": {
                "timestamp": said("When it was; kept as it was sent.", {"type": "number"}),
                RECEIVED_AT: said("Kept by Coinslot for itself.", {"not": {}}),
                "_id": said("The sender's own, to send the event again without harm; or one is made.", id),
            },
            "examples": [SIGN_IN],
        },
        "StoredEvent": {"allOf": [ref("schemas", "Event"), {"required": ["_id"]}], "examples": [STORED_SIGN_IN]},
        "Events": {
            "description": "An event, or an array of them.",
            "anyOf": [ref("schemas", "Event"), {**array_of("Event"), "maxItems": limits["max_events_per_post"]}],
        },
        "Wrapped": {
            "type": "object",
            "description": "What old clients send. An object with a `timestamp` is an event, whatever its `data`.",
            "required": ["data"],
            "properties": {
                "data": {**TEXT, "contentMediaType": JSON, "contentSchema": ref("schemas", "Events")},
                "timestamp": False,
            },
        },
    }


def _answers() -> Json:
    rejected = array_of("Rejected")
    accepted = {
        "accepted": COUNT,
        "ids": said("The `_id`s, in the order of the events.", {"type": "array", "items": TEXT}),
        "rejected": said("With `on_error=skip`: those not taken.", rejected),
    }
    error = record({"what": TEXT, "events": said("Those at fault.", rejected)}, optional=["events"])
    return {
        "Accepted": record(accepted, optional=["rejected"]),
        "Rejected": record({"index": said("Its place in the request, from 0.", COUNT), "reason": TEXT}),
        "Error": record({"error": error}),
        "Found": record({"results": ref("schemas", "StoredEvent")}),
    }


def _stream() -> Json:
    """As drawn in api/frames.py."""
    stored = ref("schemas", "StoredEvent")
    gap = record({"after": CHANGE_CURSOR, "oldest": CHANGE_CURSOR}, description="Changes in between are gone.")
    return {
        "Line": {
            "description": "A change with its cursor, an event stored before following began, or a gap.",
            "oneOf": [record({"seq": CHANGE_CURSOR, "doc": stored}), record({"doc": stored}), record({"gap": gap})],
        },
        "ServerSentEvent": said(
            "An event, and the cursor of its change if it was not stored before following began. `cursor` tells where "
            "following begins, and `gap` that changes are gone.",
            record(
                {
                    "event": {"enum": ["message", "cursor", "gap"], "default": "message"},
                    "id": CHANGE_CURSOR,
                    "data": {**TEXT, "contentMediaType": JSON, "contentSchema": {"type": "object"}},
                },
                optional=["event", "id"],
            ),
        ),
    }
