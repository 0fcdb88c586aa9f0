"""The OpenAPI document is valid, and says of routes, tokens and limits what the code does."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

import api.app
import ingest.app
from api import ranges, stream
from api.about import limits
from api.openapi.document import create_document
from coinslot.access.permission import needed
from coinslot.settings import Settings
from coinslot.store import open_store
from tests.openapi.judge import Judge

METHODS = {"get", "post", "put", "patch", "delete"}
SAMPLES = {"id": "1700000000000-0", "filename": "coinslot.js"}


def document(*, auth_is_on: bool = True, **settings: Any) -> dict[str, Any]:
    """As it is served: through JSON."""
    made = create_document(limits(Settings.load(**settings)), auth_is_on=auth_is_on)
    read: dict[str, Any] = json.loads(json.dumps(made))
    return read


def operations(described: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(method, path): operation for path, of in described["paths"].items() for method, operation in of.items()}


@pytest.mark.parametrize("auth_is_on", [True, False])
def test_it_is_valid_openapi_3_1(auth_is_on: bool) -> None:
    described = document(auth_is_on=auth_is_on)

    assert described["openapi"].startswith("3.1.")
    assert list(OpenAPIV31SpecValidator(described).iter_errors()) == []


def test_positive_control_what_is_not_valid_is_seen() -> None:
    described = document()
    del described["paths"]["/dead-letters/{id}"]["get"]["parameters"]

    assert list(OpenAPIV31SpecValidator(described).iter_errors()) != []


def test_examples_are_of_the_shape_that_they_are_examples_of() -> None:
    described = document()
    judge = Judge(described)

    for name, schema in described["components"]["schemas"].items():
        for example in schema.get("examples", ()):
            judge.check_value({"$ref": f"#/components/schemas/{name}"}, example)
    for operation in operations(described).values():
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for media in [media for body in bodies for media in body.get("content", {}).values() if "example" in media]:
            judge.check_value(media["schema"], media["example"])


# Routes


def unlike(described: Mapping[str, Any], *apps: Flask) -> set[tuple[str, str]]:
    """What stands in the document or in the apps, and not in both."""
    routes = {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for app in apps
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if method.lower() in METHODS
    }
    return routes ^ set(operations(described))


@pytest.fixture(scope="module")
def apps() -> list[Flask]:
    """Both web apps, over servers that nobody asks for anything."""
    settings = Settings.load(db_backend="dummy")
    feed: Any = None
    api_app = api.app.create_flask(settings, lambda: False, open_store(settings), feed)
    return [
        api_app,
        ingest.app.create_flask(dict.fromkeys(ingest.app.PATHS, lambda _: pytest.fail("asked")), lambda: None),
    ]


def test_its_paths_are_the_routes_of_the_apps(apps: list[Flask]) -> None:
    described = document()

    assert unlike(described, *apps) == set()
    of_lanes = {("get", stream.PATH), *(("post", path) for path in ingest.app.PATHS)}
    assert of_lanes <= set(operations(described))


def test_positive_control_a_route_too_many_on_either_side_is_seen(apps: list[Flask]) -> None:
    described = document()
    described["paths"]["/made-up"] = {"post": described["paths"]["/limits"].pop("get")}

    assert unlike(described, *apps) == {("post", "/made-up"), ("get", "/limits")}
    assert unlike(document(), apps[0]) == {("post", path) for path in ingest.app.PATHS}


# Tokens


def mistaken(described: Mapping[str, Any]) -> set[tuple[str, str]]:
    """The operations whose security is not what the door asks for."""
    found = set()
    for (method, path), operation in operations(described).items():
        kind = needed(method.upper(), path.format(**SAMPLES))
        expected = [] if kind == "nothing" else [{"token": [kind]}]
        if operation["security"] != expected:
            found.add((method, path))
    return found


def test_its_security_is_what_the_door_asks_for() -> None:
    assert mistaken(document()) == set()


def test_positive_control_another_token_is_seen() -> None:
    described = document()
    described["paths"]["/audit"]["get"]["security"] = [{"token": ["write"]}]
    described["paths"]["/limits"]["get"]["security"] = [{"token": ["read"]}]

    assert mistaken(described) == {("get", "/audit"), ("get", "/limits")}


def test_what_asks_nobody_for_tokens_tells_of_none() -> None:
    described = document(auth_is_on=False)

    assert "securitySchemes" not in described["components"]
    for operation in operations(described).values():
        assert "security" not in operation
        assert not {"401", "403", "429"} & set(operation["responses"])


# Limits


def test_its_limits_are_those_of_the_server_it_describes() -> None:
    described = document(max_event_bytes=2_000, max_body_bytes=3_000, max_events_per_post=7)

    assert described["components"]["schemas"]["Events"]["anyOf"][1]["maxItems"] == 7
    assert "2000 bytes" in described["components"]["schemas"]["Event"]["description"]
    posting = described["paths"][ranges.PATH]["post"]["description"]
    assert "3000 bytes" in posting
    assert "7 events" in posting
