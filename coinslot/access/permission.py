"""What a request needs. What stands in none of these rows needs an admin token: a route that is forgotten is shut.

    method  path                                  needs
    GET     /, /static/*, /alive, /ready,         nothing
            /limits, /openapi.json, /wsapi/ping
    GET     /wsapi/interaction_data               a read token
            the same with /count, /last, /stream
            /audit
            /v0/analytics, /v0/goals,
            /v0/namespaces, /v0/predictions,
            /v0/nudges, /v0/features,
            /v0/featureSpecs, /metrics,
            /metrics/counters,
            /metrics/predictions, /api-docs
    POST    /wsapi/interaction_data               a write token
            /v0/analytics, /v0/goals
    POST    /v0/featureSpecs                      an admin token
    any     anything else: /dead-letters and      an admin token
            below, /erasures and below, what comes next

Whoever may send events may make goals: an event can say so itself (`ensure_goal`). A feature's rollout changes what all
users see, and write tokens stand in pages, so that takes an admin. A client that has one token for everything needs it
in WRITE_TOKENS and READ_TOKENS, and in ADMIN_TOKENS to set features.

HEAD needs what GET needs. An admin token stands for all others. A CORS preflight is answered before this is asked
(coinslot/cors.py).
"""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["nothing", "read", "write", "admin"]

EVENTS = "/wsapi/interaction_data"
ANALYTICS, GOALS, SPECS = "/v0/analytics", "/v0/goals", "/v0/featureSpecs"
METRICS, DOCS = "/metrics", "/api-docs"

ROWS: tuple[tuple[str, Kind, tuple[str, ...]], ...] = (
    ("GET", "nothing", ("/", "/static/*", "/alive", "/ready", "/limits", "/openapi.json", "/wsapi/ping")),
    ("GET", "read", (EVENTS, f"{EVENTS}/count", f"{EVENTS}/last", f"{EVENTS}/stream", "/audit")),
    ("GET", "read", (ANALYTICS, GOALS, SPECS, "/v0/namespaces", "/v0/predictions", "/v0/nudges", "/v0/features")),
    ("GET", "read", (METRICS, f"{METRICS}/counters", f"{METRICS}/predictions", DOCS)),
    ("POST", "write", (EVENTS, ANALYTICS, GOALS)),
    ("POST", "admin", (SPECS,)),
)

_EXACT: dict[tuple[str, str], Kind] = {(method, path): kind for method, kind, paths in ROWS for path in paths}
_BELOW: tuple[tuple[str, str, Kind], ...] = tuple(
    (method, path[:-1], kind) for method, kind, paths in ROWS for path in paths if path.endswith("/*")
)

_V0 = re.compile(rf"/v0/.*|{METRICS}(/.*)?|{DOCS}", re.DOTALL)


def is_v0(path: str) -> bool:
    """Whether its clients read errors of authentication as the Kimball API has them."""
    return _V0.fullmatch(path) is not None


def needed(method: str, path: str) -> Kind:
    """The kind of token; `path` is what the router sees, without the query, its %-escapes undone."""
    method = "GET" if method == "HEAD" else method
    kind = _EXACT.get((method, path))
    if kind is not None:
        return kind
    return next((kind for of, folder, kind in _BELOW if method == of and path.startswith(folder)), "admin")
