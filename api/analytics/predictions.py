"""GET /v0/predictions: of everything, or for some events, or for those that a user has done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask import Blueprint, Response, request

from api.query import BadQuery, parse_namespace
from coinslot.analytics.counter import MAX_NAME_CHARACTERS, Namespace
from coinslot.analytics.counters import Counters
from coinslot.analytics.predictions import for_all, for_events
from coinslot.web import error_response, json_response

PATH = "/v0/predictions"
NOTE = "Submitted events included this goal, no prediction made"

# Asks the prediction targets: namespace, user id (empty where events were given) and events, to predictions by name.
# Raises nothing; what does not answer is left out.
Ask = Callable[[str, str, Sequence[str]], dict[str, dict[str, float]]]


def blueprint(counters: Counters, ask: Ask) -> Blueprint:
    routes = Blueprint("predictions", __name__)

    @routes.get(PATH)
    def predictions() -> Response:
        name, user_id = parse_namespace(request.args), request.args.get("user_id", "")
        events = request.args.getlist("event")
        if "user_id" in request.args and not user_id:
            raise BadQuery("user_id is empty")
        if user_id and events:
            raise BadQuery("event and user_id are both given: predictions are for events, or for those of a user")
        if user_id:  # before the namespace: counters only come to be, so all of these are in it
            events = counters.events_of(name, user_id)
            if not events:
                return error_response(
                    404, f"nothing is counted of this user in the namespace {name[:MAX_NAME_CHARACTERS]!r}"
                )
        namespace = counters.namespace(name)
        if not events:
            return json_response({"goals": _for_all(namespace)})
        goals = _for_events(namespace, events)
        for prediction, answer in ask(name, user_id, events).items():
            goals[prediction] = {**goals.get(prediction, {}), **answer}
        return json_response({"goals": goals})

    return routes


def _for_all(namespace: Namespace) -> dict[str, Any]:
    return {
        goal: {"events": {event: {"bayes": share} for event, share in by_event.items()}}
        for goal, by_event in for_all(namespace).items()
    }


def _for_events(namespace: Namespace, events: Sequence[str]) -> dict[str, dict[str, Any]]:
    return {
        goal: {"note": NOTE} if predicted is None else predicted._asdict()
        for goal, predicted in for_events(namespace, events).items()
    }
