"""GET /v0/nudges: what a user could still do on the way to a goal."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, request

from api.query import BadQuery, parse_namespace
from coinslot.analytics.counters import Counters
from coinslot.analytics.nudges import nudges
from coinslot.web import json_response

PATH = "/v0/nudges"


def blueprint(counters: Counters) -> Blueprint:
    routes = Blueprint("nudges", __name__)

    @routes.get(PATH)
    def nudge() -> Response:
        user_id, goal = _needed(request.args, "user_id"), _needed(request.args, "goal")
        name = parse_namespace(request.args)
        done = set(counters.events_of(name, user_id))
        found = nudges(counters.namespace(name), goal, done)
        told = [{"event_name": event, "prediction": share} for event, share in found]
        return json_response({"nudges": told, "goal": goal, "user_id": user_id})

    return routes


def _needed(args: Mapping[str, str], name: str) -> str:
    if not args.get(name):
        raise BadQuery(f"{name} is missing")
    return args[name]
