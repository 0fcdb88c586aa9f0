"""GET /v0/analytics and GET /v0/namespaces (contract 2: a counter as shown)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from api.allow import allow_posts
from api.query import parse_namespace
from coinslot.analytics.counter import Counter
from coinslot.analytics.counters import Counters
from coinslot.web import json_response

PATH = "/v0/analytics"
NAMESPACES = "/v0/namespaces"


def blueprint(counters: Counters) -> Blueprint:
    routes = Blueprint("counts", __name__)

    @routes.get(PATH)
    def counts() -> Response:
        namespace = counters.namespace(parse_namespace(request.args))
        return json_response({"counts": [_shown(counter) for counter in namespace.counters]})

    @routes.get(NAMESPACES)
    def namespaces() -> Response:
        return json_response({"namespaces": counters.namespaces()})

    allow_posts(routes, PATH)
    return routes


def shown_name(counter: Counter) -> str:
    """That of a weekly counter says its week: `NAME YYYYWW`."""
    return f"{counter.name} {counter.year:04}{counter.week:02}" if counter.kind == "weekly" else counter.name


def _shown(counter: Counter) -> dict[str, Any]:
    return {
        "name": shown_name(counter),
        "type": counter.kind,
        "count": counter.count,
        "single_event_counts": [{"name": name, "count": count} for name, count in counter.singles.items()],
        "event_counts": [{"events": events, "count": count} for events, count in counter.sets.items()],
        "value": {} if counter.sum is None else {"sum": counter.sum},
    }
