"""What is asked of feature flags over HTTP: the objects in base64, the flags, and what is counted of it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from coinslot import web
from coinslot.features.routes import blueprint
from coinslot.features.spec import parse

SPECS = {
    "featureSpecs": [
        {"name": "everybody", "boolean": True},
        {"name": "nobody", "boolean": False, "note": "kept"},
        {"name": "pros", "user": [{"property": "plan", "comparator": "=", "value": "pro"}]},
        {"name": "half", "rollout_start": "2026-01-01T00:00:00Z", "rollout_end": "2026-01-03T00:00:00Z"},
    ]
}
BEGIN = "/v0/features?user_obj="


class Stage:
    def __init__(self) -> None:
        self.counted: list[Any] = []
        self.drawn = 0.25
        app = web.create_flask("test")
        specs, noon = parse(json.dumps(SPECS).encode()), datetime(2026, 1, 2, tzinfo=UTC)
        app.register_blueprint(blueprint(lambda: specs, lambda: noon, lambda: self.drawn, self._count))
        self.client: FlaskClient = app.test_client()

    def _count(self, event: bytes) -> None:
        self.counted.append(json.loads(event))

    def features(self, **objects: Any) -> dict[str, bool]:
        query = "&".join(f"{name}={b64(value)}" for name, value in objects.items())
        told = self.client.get(f"/v0/features?{query}")
        assert told.status_code == 200
        assert list(told.json) == ["features"]
        features: dict[str, bool] = told.json["features"]
        return features


@pytest.fixture
def stage() -> Stage:
    return Stage()


def b64(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def test_every_flag_is_told_by_name(stage: Stage) -> None:
    assert stage.features(user_obj={"plan": "pro"}) == {"everybody": True, "nobody": False, "pros": True, "half": True}


def test_who_asks_for_nobody_is_told_what_holds_for_all(stage: Stage) -> None:
    stage.drawn = 0.75

    assert stage.features() == {"everybody": True, "nobody": False, "pros": False, "half": False}
    assert stage.client.get("/v0/features?user_obj=&context_obj=").status_code == 200


# {"plan":"pro","~":"???>"} and the like, so that both alphabets and all paddings occur
AWKWARD = [{"plan": "pro", "mark": mark} for mark in ("???", "???>", "???>>", "ü", "\u07ff\u07ff")]


@pytest.mark.parametrize("user", AWKWARD, ids=str)
def test_base64_is_taken_in_every_form(stage: Stage, user: dict[str, str]) -> None:
    text = json.dumps(user, ensure_ascii=False).encode()
    standard, for_urls = base64.b64encode(text).decode(), base64.urlsafe_b64encode(text).decode()
    forms = {standard, quote(standard, safe=""), for_urls, for_urls.rstrip("="), standard.rstrip("=")}

    told = [stage.client.get(BEGIN + form).json["features"]["pros"] for form in forms]

    assert set(told) == {True}


def test_positive_control_the_awkward_ones_are_awkward() -> None:
    texts = [base64.b64encode(json.dumps(user, ensure_ascii=False).encode()).decode() for user in AWKWARD]

    assert {len(text) - len(text.rstrip("=")) for text in texts} == {0, 1, 2}
    assert any("+" in text for text in texts)
    assert any("/" in text for text in texts)


@pytest.mark.parametrize("name", ["user_obj", "context_obj"])
@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("e30!", "is not base64"),
        ("e", "is not base64"),
        ("%C3%BC", "is not base64"),
        ("e3==30", "is not base64"),
        (base64.b64encode(b"{").decode(), "is not a JSON object in base64"),
        (base64.b64encode(b"[]").decode(), "is not a JSON object in base64"),
        (base64.b64encode(b"null").decode(), "is not a JSON object in base64"),
        (base64.b64encode(b'{"a": NaN}').decode(), "is not a JSON object in base64"),
        (base64.b64encode(b'{"a": "\xff"}').decode(), "is not a JSON object in base64"),
        (base64.b64encode(b'{"a":' + b"[" * 9_000).decode(), "is not a JSON object in base64"),
    ],
    ids=str,
)
def test_what_is_bad_is_named(stage: Stage, name: str, text: str, what: str) -> None:
    told = stage.client.get(f"/v0/features?{name}={text}")

    assert told.status_code == 400
    assert told.json == {"error": {"what": f"{name} {what}"}}
    assert stage.counted == []


def test_a_request_of_a_user_for_a_feature_is_counted(stage: Stage) -> None:
    told = stage.features(user_obj={"user_id": "ann", "plan": "pro"}, context_obj={"feature": "no spec of this name"})

    assert told["pros"]
    assert stage.counted == [{"event_name": "no spec of this name", "user_id": "ann"}]


@pytest.mark.parametrize(
    ("user", "context"),
    [
        ({"user_id": "ann"}, {}),
        ({}, {"feature": "pros"}),
        ({"user_id": 7}, {"feature": "pros"}),
        ({"user_id": 10**30}, {"feature": "pros"}),
        ({"user_id": ""}, {"feature": "pros"}),
        ({"user_id": "a\0"}, {"feature": "pros"}),
        ({"user_id": "a" * 513}, {"feature": "pros"}),
        ({"user_id": "ann"}, {"feature": None}),
        ({"user_id": "ann"}, {"feature": ""}),
        ({"user_id": "ann"}, {"feature": "f" * 257}),
    ],
)
def test_what_could_not_be_an_event_is_answered_and_not_counted(
    stage: Stage, user: dict[str, Any], context: dict[str, Any]
) -> None:
    assert stage.features(user_obj=user, context_obj=context)["everybody"]
    assert stage.counted == []


def test_the_specs_are_told_as_they_were_set(stage: Stage) -> None:
    told = stage.client.get("/v0/featureSpecs")

    assert (told.status_code, told.content_type, told.json) == (200, "application/json", SPECS)
