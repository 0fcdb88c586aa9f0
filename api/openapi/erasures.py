"""The routes of api/erasures.py."""

from __future__ import annotations

from api.erasures import MAX_BODY_BYTES, PATH
from api.openapi import Json, ref
from api.openapi.answers import json, operation, shared
from api.openapi.counts import BAD_BODY
from api.openapi.shapes import COUNT, TEXT, YES_NO, record, said
from coinslot.match import FIELD, MAX_FIELD_CHARACTERS
from coinslot.media import JSON

TAG = "erasures"
TEXT_OR_NULL: Json = {"type": ["string", "null"]}


def paths() -> Json:
    return {
        PATH: {"post": _part("erase", "Erase the events in which a field has a value", "Erased")},
        f"{PATH}/count": {"post": _part("countMatching", "Count them", "Matching")},
    }


def _part(id: str, summary: str, schema: str) -> Json:
    told = "How far it has come. While it is not `done`, ask again, with `after`."
    refused = shared({**BAD_BODY, "503": "Unavailable"})
    return operation(
        id,
        TAG,
        summary,
        {"200": json(told, ref("schemas", schema)), **refused},
        needs="admin",
        description=f"In parts of a few seconds. The body has at most {MAX_BODY_BYTES} bytes.",
        requestBody={"required": True, "content": {JSON: {"schema": ref("schemas", "Erasure")}}},
    )


def schemas() -> Json:
    wanted = {
        "field": said("Names joined by dots.", {**TEXT, "pattern": f"^{FIELD}$", "maxLength": MAX_FIELD_CHARACTERS}),
        "value": said("What the field has.", {"type": ["string", "number", "boolean"]}),
        "after": said("As the answer before had it; absent at the beginning.", TEXT_OR_NULL),
    }
    part = {
        "done": YES_NO,
        "after": said("For the next request; null when it is done.", TEXT_OR_NULL),
        "at": said("The place that is next: `queue` waits for workers.", TEXT_OR_NULL),
        "note": said(
            "What one should know of the outcome; while `at` is `queue`, that workers are halted.", TEXT_OR_NULL
        ),
    }
    erasure = {**record(wanted, optional=["after"]), "additionalProperties": False}
    return {
        "Erasure": {**erasure, "examples": [{"field": "user_id", "value": "abc"}]},
        "Erased": record({"erased": said("How many events, by this request.", COUNT), **part}),
        "Matching": record({"matching": said("How many events, by this request.", COUNT), **part}),
    }
