"""Feature flags: the routes of coinslot/features/routes.py and api/features.py."""

from __future__ import annotations

from api.openapi import Json, ref
from api.openapi.answers import json, operation, shared
from api.openapi.counts import BAD_BODY
from api.openapi.parameters import named
from api.openapi.shapes import NAME, TEXT, YES_NO, array_of, record, said
from coinslot.media import JSON

TAG = "features"
LOST = shared({"401": "UnauthorizedV0", "503": "Unavailable"})
FEATURES, SPECS = "/v0/features", "/v0/featureSpecs"


def paths() -> Json:
    flags = record({"features": {"type": "object", "additionalProperties": YES_NO}})
    answers = {"200": json("By name.", flags), **shared({"400": "BadRequest"}), **LOST}
    about = "With a `user_id` of the user and a `feature` of the context, that feature is counted as an analytic event."
    asked = operation(
        "features",
        TAG,
        "Which features a user has",
        answers,
        needs="read",
        parameters=named("User", "Context"),
        description=about,
    )
    return {FEATURES: {"get": asked}, SPECS: {"get": _specs(), "post": _set_specs()}}


def _specs() -> Json:
    answers = {"200": json("As they were set.", ref("schemas", "FeatureSpecs")), **LOST}
    return operation("showFeatureSpecs", TAG, "The specs of all features", answers, needs="read")


def _set_specs() -> Json:
    answers = {
        "204": {"description": "These are all there are now."},
        **shared(BAD_BODY),
        **LOST,
    }
    body = {"required": True, "content": {JSON: {"schema": ref("schemas", "FeatureSpecs")}}}
    return operation("setFeatureSpecs", TAG, "Set the specs of all features", answers, needs="admin", requestBody=body)


def schemas() -> Json:
    scalar = {"type": ["string", "number", "boolean", "null"]}
    equal = record({"property": TEXT, "comparator": {"const": "="}, "value": scalar})
    among = record({"property": TEXT, "comparator": {"const": "in"}, "value": {"type": "array", "items": scalar}})
    moment = {"type": ["string", "null"], "format": "date-time"}
    spec = {
        "name": said("Of no other spec.", NAME),
        "boolean": {"type": ["boolean", "null"]},
        "rollout_start": said("With `rollout_end`, which is not before it.", moment),
        "rollout_end": moment,
        "user": {"type": ["array", "null"], "items": ref("schemas", "Condition")},
    }
    return {
        "Condition": {"anyOf": [equal, among], "description": "Of a property of the user."},
        "FeatureSpec": record(
            spec,
            optional=[name for name in spec if name != "name"],
            description="True if any holds: `boolean`; a condition of `user`; the rollout, which is false until its "
            "start, true from its end on, and in between true with a chance that grows.",
        ),
        "FeatureSpecs": record({"featureSpecs": array_of("FeatureSpec")}),
    }
