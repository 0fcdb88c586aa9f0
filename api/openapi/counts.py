"""What is counted: the routes of api/analytics/counts.py and goals.py."""

from __future__ import annotations

from api.analytics import counts, goals
from api.openapi import Json, ref
from api.openapi.answers import json, operation, shared
from api.openapi.parameters import named
from api.openapi.shapes import COUNT, NAME, NAME_OR_NULL, TEXT, array_of, record, said
from coinslot.media import JSON

TAG = "analytics"
BAD_BODY = dict.fromkeys(("400", "411", "413", "415"), "BadRequest")


def paths() -> Json:
    shown = json("A counter each.", record({"counts": array_of("Counter")}))
    namespaces = json("Sorted.", record({"namespaces": {"type": "array", "items": NAME}}))
    made = json("Sorted.", record({"goals": {"type": "array", "items": NAME}}))
    return {
        counts.PATH: {"get": read("showCounters", TAG, "What is counted in a namespace", shown, "Namespace")},
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
    answers = {"200": ok, **shared({"401": "UnauthorizedV0", "503": "Unavailable"}), **(also or {})}
    described: Json = {"description": about} if about else {}
    return operation(id, tag, summary, answers, needs="read", parameters=named(*parameters), **described)


def _make_goal() -> Json:
    answers = {
        "204": {"description": "It is a goal from now on; what was counted before is not looked at again."},
        **shared(BAD_BODY),
        **shared({"401": "UnauthorizedV0", "503": "Unavailable"}),
    }
    body = {"required": True, "content": {JSON: {"schema": ref("schemas", "Goal")}}}
    return operation("makeGoal", TAG, "Make an event a goal", answers, needs="write", requestBody=body)


def schemas() -> Json:
    goal = {"goal_name": NAME, "namespace": said("`default`, unless it is another.", NAME_OR_NULL)}
    return {
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
