"""The whole document, made once for a configured server: sizes are its own, and so is whether it asks for tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import coinslot
from api.openapi import (
    Json,
    about,
    analytic_events,
    answers,
    counts,
    dead_letters,
    erasures,
    events,
    features,
    metrics,
    parameters,
    predictions,
    schemas,
)

DESCRIPTION = """\
Applications drop JSON events in; each is queued, stored, and told to whoever follows.

Errors are `{"error": {"what": text}}`. Any other path is `404`, and any other method of a path `405`, with `Allow`.
`HEAD` is `GET` without a body. A header of more than 64 KiB or 100 fields, or a URL of more than 65,534 bytes, is
refused by the web server, without such a body.
"""
TOKENS = """\
A token of the kind that stands in `security` of the operation: `read`, `write` or `admin`; an admin's token stands
for all others."""
NO_TOKENS = "This server asks nobody for a token."

TAGS = {
    "events": "Writing, reading and following events.",
    "analytics": "Counting users without keeping who they are: events, goals, and what follows from them.",
    "features": "Feature flags.",
    "metrics": "Metrics for Prometheus.",
    "dead letters": "What could not be stored, kept until somebody replays or drops it.",
    "erasures": "Removing all events of one user.",
    "server": "What the server says of itself.",
}
OF_TOKENS = ("401", "403", "429")


def create_document(limits: Mapping[str, Any], *, auth_is_on: bool) -> Json:
    """limits: those of GET /limits. Without authentication nothing in the document speaks of tokens."""
    document: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": "Coinslot",
            "summary": "A self-hosted event bank",
            "description": DESCRIPTION if auth_is_on else f"{DESCRIPTION}\n{NO_TOKENS}\n",
            "version": coinslot.__version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": _paths(limits),
        "components": {
            "schemas": {
                **schemas.components(limits),
                **analytic_events.schemas(limits),
                **counts.schemas(),
                **predictions.schemas(),
                **features.schemas(),
                **dead_letters.schemas(),
                **erasures.schemas(),
                **about.schemas(limits),
            },
            "parameters": parameters.components(),
            "responses": answers.components(),
            "headers": answers.headers(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": TOKENS}},
        },
    }
    if not auth_is_on:
        _forget_tokens(document)
    return document


def _paths(limits: Mapping[str, Any]) -> Json:
    """The operations of one path may stand in several modules."""
    paths: Json = {}
    for group in (
        events.paths(limits),
        analytic_events.paths(limits),
        counts.paths(),
        predictions.paths(),
        features.paths(),
        metrics.paths(),
        dead_letters.paths(),
        erasures.paths(),
        about.paths(limits),
    ):
        for path, operations in group.items():
            paths[path] = {**paths.get(path, {}), **operations}
    return paths


def _forget_tokens(document: Json) -> None:
    del document["components"]["securitySchemes"]
    for path in document["paths"].values():
        for operation in path.values():
            operation.pop("security", None)
            for status in OF_TOKENS:
                operation["responses"].pop(status, None)
