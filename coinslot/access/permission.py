"""What a request needs. What stands in none of these rows needs an admin token: a route that is forgotten is shut.

    method  path                                  needs
    GET     /, /static/*, /alive, /ready,         nothing
            /limits, /openapi.json, /wsapi/ping
    GET     /wsapi/interaction_data               a read token
            the same with /count, /last, /stream
            /audit
    POST    /wsapi/interaction_data               a write token
    any     anything else: /dead-letters and      an admin token
            below, /erasures and below, what comes next

HEAD needs what GET needs. An admin token stands for all others. A CORS preflight is answered before this is asked
(coinslot/cors.py).
"""

from __future__ import annotations

from typing import Literal

Kind = Literal["nothing", "read", "write", "admin"]

EVENTS = "/wsapi/interaction_data"

ROWS: tuple[tuple[str, Kind, tuple[str, ...]], ...] = (
    ("GET", "nothing", ("/", "/static/*", "/alive", "/ready", "/limits", "/openapi.json", "/wsapi/ping")),
    ("GET", "read", (EVENTS, f"{EVENTS}/count", f"{EVENTS}/last", f"{EVENTS}/stream", "/audit")),
    ("POST", "write", (EVENTS,)),
)

_EXACT: dict[tuple[str, str], Kind] = {(method, path): kind for method, kind, paths in ROWS for path in paths}
_BELOW: tuple[tuple[str, str, Kind], ...] = tuple(
    (method, path[:-1], kind) for method, kind, paths in ROWS for path in paths if path.endswith("/*")
)


def needed(method: str, path: str) -> Kind:
    """The kind of token; `path` is what the router sees, without the query, its %-escapes undone."""
    method = "GET" if method == "HEAD" else method
    kind = _EXACT.get((method, path))
    if kind is not None:
        return kind
    return next((kind for of, folder, kind in _BELOW if method == of and path.startswith(folder)), "admin")
