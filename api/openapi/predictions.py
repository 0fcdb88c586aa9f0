"""What follows from what is counted: the routes of api/analytics/predictions.py and api/analytics/nudges.py."""

from __future__ import annotations

from api.analytics import nudges, predictions
from api.openapi import Json, ref
from api.openapi.answers import json, shared
from api.openapi.counts import TAG, read
from api.openapi.shapes import NAME, TEXT, array_of, record, said

SHARE: Json = {"type": "number"}


def paths() -> Json:
    found = json("By goal.", {"anyOf": [ref("schemas", "Bayes"), ref("schemas", "NaiveBayes")]})
    asked = read(
        "predict",
        TAG,
        "How probable goals are",
        found,
        "Namespace",
        "Events",
        "OfUser",
        also=shared({"400": "BadRequest", "404": "NotFound"}),
        about="For each `event` given, or for the events of `user_id`; without either, for each event by itself.",
    )
    nudge = read(
        "nudge",
        TAG,
        "What a user could still do on the way to a goal",
        json("Highest first.", _nudges()),
        "Namespace",
        "NudgedUser",
        "Goal",
        also=shared({"400": "BadRequest"}),
        about="None for a goal that nobody has reached, or that is none.",
    )
    return {predictions.PATH: {"get": asked}, nudges.PATH: {"get": nudge}}


def schemas() -> Json:
    nudge = record({"event_name": NAME, "prediction": said("As `bayes` of predictions.", SHARE)})
    return {
        "Bayes": _by_goal(_of_all(), "For each event by itself. Goals before which nothing came are left out."),
        "NaiveBayes": _by_goal(_of_events(), "For several events. Goals that nobody has reached are left out."),
        "Nudge": nudge,
    }


def _by_goal(of: Json, description: str) -> Json:
    return record({"goals": {"type": "object", "additionalProperties": of}}, description=description)


def _of_all() -> Json:
    bayes = record({"bayes": said("The share of the event's users that reaches the goal.", SHARE)})
    return record({"events": {"type": "object", "additionalProperties": bayes}})


def _of_events() -> Json:
    ours = record(
        {
            "yes": said("The product of the shares of the goal's users who had each event before it.", SHARE),
            "no": said("The same of those who had the event, and not before the goal.", SHARE),
            "likelihood": said("`yes` through `no`, which is taken for 0.1 at least.", SHARE),
        }
    )
    note = record({"note": {"const": predictions.NOTE}})
    targets = {"type": "object", "additionalProperties": SHARE, "description": "With what prediction targets answer."}
    return {"anyOf": [ours, note, targets]}


def _nudges() -> Json:
    return record({"nudges": array_of("Nudge"), "goal": TEXT, "user_id": TEXT})
