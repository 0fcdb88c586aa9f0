"""Coinslot's HTTP as an OpenAPI 3.1 document (GET /openapi.json), written by hand.

A module for each group of routes: `events`, `analytic_events`, `counts`, `predictions`, `features`, `metrics`,
`dead_letters`, `erasures`, `about`. A new route is a new entry of `paths` in one of them; what it shares with others
stands in `schemas`, `parameters` and `answers`. Tests hold the document to the routes that the apps have, to
coinslot/access/permission.py, and to what a running Coinslot answers. `page` shows it to people.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def ref(kind: str, name: str) -> Json:
    """Points to one of the document's components."""
    return {"$ref": f"#/components/{kind}/{name}"}
