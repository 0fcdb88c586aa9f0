"""Counting, and what is counted: POST of ingest/analytics.py, api/analytics/counts.py and goals.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.analytics import counts, goals
from api.openapi import Json, ref
from api.openapi.answers import json, operation, shared
from api.openapi.parameters import named
from api.openapi.shapes import COUNT, NAME, NAME_OR_NULL, TEXT, array_of, record, said
from coinslot.media import JSON

TAG = "analytics"
VISIT = {"event_name": "visit:projects", "user_id": "u_6406c7b644", "value": 3}


def paths(limits: Mapping[str, Any]) -> Json:
    shown = json("A counter each.", record({"counts": array_of("Counter")}))
    namespaces = json("Sorted.", record({"namespaces": {"type": "array", "items": NAME}}))
    made = json("Sorted.", record({"goals": {"type": "array", "items": NAME}}))
    return {
        counts.PATH: {
            "post": _post(limits),
            "get": read("showCounters", TAG, "What is counted in a namespace", shown, "Namespace"),
        },
        counts.NAMESPACES: {"get": read("listNamespaces", TAG, "The namespaces in which something is", namespaces)},
        goals.PATH: {
            "post": _make_goal(),
            "get": read("listGoals", TAG, "The goals of a namespace", made, "Namespace"),
        },
    }


def read(
    id: str, tag: str, summary: str, ok: Json, *parameters: str, also: Json | None = None, about: str = ""
) -> Json:
    """A GET of what is counted; also: further answers; about: its description."""
    answers = {"200": ok, **shared({"503": "Unavailable"}), **(also or {})}
    described: Json = {"description": about} if about else {}
    return operation(id, tag, summary, answers, needs="read", parameters=named(*parameters), **described)


def _post(limits: Mapping[str, Any]) -> Json:
    most = f"{limits['max_body_bytes']} bytes once inflated, and {limits['max_events_per_post']} events"
    answers = {
        "204": {"description": "The queue holds the events, synced to disk."},
        **shared({"400": "BadRequest", "411": "BadRequest", "413": "BadRequest", "415": "BadRequest"}),
        **shared({"503": "Unavailable"}),
    }
    return operation(
        "countEvents",
        TAG,
        "Count analytic events",
        answers,
        needs="write",
        description=f"At most {most}; all are taken, or none. Counting one again changes nothing.",
        parameters=named("Encoding"),
        requestBody={
            "required": True,
            "content": {JSON: {"schema": ref("schemas", "AnalyticEvents"), "example": VISIT}},
        },
    )


def _make_goal() -> Json:
    answers = {
        "204": {"description": "It is a goal from now on; what was counted before is not looked at again."},
        **shared({"400": "BadRequest", "413": "BadRequest", "415": "BadRequest", "503": "Unavailable"}),
    }
    body = {"required": True, "content": {JSON: {"schema": ref("schemas", "Goal")}}}
    return operation("makeGoal", TAG, "Make an event a goal", answers, needs="write", requestBody=body)


def schemas(limits: Mapping[str, Any]) -> Json:
    event = {
        "event_name": NAME,
        "user_id": said("Kept by no counter: it only sets bits of a filter.", {**NAME, "maxLength": 512}),
        "namespace": said("`default`, unless it is another.", NAME_OR_NULL),
        "value": said("Added to the counter's sum if the user is new to it.", {"type": ["number", "null"]}),
        "ensure_goal": said("Make the event a goal. `false` never unmakes one.", {"type": ["boolean", "null"]}),
        "datetime": said(
            "Chooses the weekly counter, and nothing else.", {"type": ["string", "null"], "format": "date-time"}
        ),
    }
    several = {**array_of("AnalyticEvent"), "maxItems": limits["max_events_per_post"]}
    goal = {"goal_name": NAME, "namespace": said("`default`, unless it is another.", NAME_OR_NULL)}
    return {
        "AnalyticEvent": {
            **record(event, optional=[name for name in event if name not in ("event_name", "user_id")]),
            "description": f"At most {limits['max_event_bytes']} bytes of JSON.",
            "examples": [VISIT],
        },
        "AnalyticEvents": {
            "description": "An event, an array of them, or an object with that array.",
            "anyOf": [ref("schemas", "AnalyticEvent"), several, record({"events": several})],
        },
        "Goal": {**record(goal, optional=["namespace"]), "examples": [{"goal_name": "visit:projects"}]},
        "Counter": _counter(),
    }


def _counter() -> Json:
    single = record({"name": NAME, "count": COUNT})
    events = said("Sorted; none for users with nothing before.", {"type": "array", "items": NAME})
    exact = record({"events": events, "count": COUNT})
    return record(
        {
            "name": said("That of the event; of a weekly counter followed by the ISO year and week.", TEXT),
            "type": {"enum": ["named", "internal", "weekly"]},
            "count": said("Users, each once.", COUNT),
            "single_event_counts": said(
                "Of a goal: how many had this event before it.", {"type": "array", "items": single}
            ),
            "event_counts": said("Of a goal: how many had exactly these before it.", {"type": "array", "items": exact}),
            "value": record({"sum": said("Absent until there was a value.", {"type": "number"})}, optional=["sum"]),
        },
        description="`internal` is `global_counter`: every user of the namespace.",
    )
