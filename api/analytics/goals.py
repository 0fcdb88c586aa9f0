"""GET and POST /v0/goals: which events are goals.

A goal may be made before its first event; what was counted until then is not looked at again.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from flask import Blueprint, Response, request

from api.query import DEFAULT_NAMESPACE, BadQuery, parse_namespace
from coinslot.analytics.counter import MAX_NAME_CHARACTERS
from coinslot.analytics.counters import Counters
from coinslot.media import JSON
from coinslot.web import error_response, json_response, read_body

PATH = "/v0/goals"
MAX_BODY_BYTES = 64 * 1024

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME_CHARACTERS)]


class _Goal(msgspec.Struct):
    goal_name: Name
    namespace: Name | None = None


_goal = msgspec.json.Decoder(_Goal).decode


def blueprint(counters: Counters) -> Blueprint:
    routes = Blueprint("goals", __name__)

    @routes.get(PATH)
    def goals() -> Response:
        return json_response({"goals": counters.namespace(parse_namespace(request.args)).goals})

    @routes.post(PATH)
    def make() -> Response:
        if request.mimetype != JSON:
            return error_response(415, f"a goal is sent as Content-Type: {JSON}")
        goal = _read()
        counters.make_goal(goal.namespace or DEFAULT_NAMESPACE, goal.goal_name)
        return Response(status=204)

    return routes


def _read() -> _Goal:
    body = read_body(MAX_BODY_BYTES)
    try:
        goal = _goal(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadQuery(f'not a goal, {{"goal_name": text, "namespace": text}}: {error}') from None
    for name in ("goal_name", "namespace"):
        if "\0" in (getattr(goal, name) or ""):
            raise BadQuery(f"{name} has a NUL in it")  # no event is let in that has
    return goal
