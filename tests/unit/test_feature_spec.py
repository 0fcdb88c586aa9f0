"""Specs of feature flags: what is taken, what is refused and where the fault is, and that nothing of them is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from coinslot.errors import BadFeatures
from coinslot.features.spec import NONE, parse

EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-31T00:00:00+01:00"
USER = {"property": "plan", "comparator": "=", "value": "pro"}


def document(*specs: Any) -> bytes:
    return json.dumps({"featureSpecs": specs}).encode()


@pytest.mark.parametrize(
    "spec",
    [
        {"name": "bare"},
        {"name": "nulls", "boolean": None, "rollout_start": None, "rollout_end": None, "user": None},
        {"name": "on", "boolean": True},
        {"name": "rollout", "rollout_start": EARLY, "rollout_end": LATE},
        {"name": "at one moment", "rollout_start": EARLY, "rollout_end": EARLY},
        {"name": "an end alone", "rollout_end": LATE},
        {"name": "users", "user": [USER, {"property": "id", "comparator": "in", "value": ["a", 1, True, None]}]},
        {"name": "ours and more", "description": "kept", "owner": {"team": [1, 2]}},
        {"name": "n" * 256},
    ],
)
def test_a_spec_that_is_taken_comes_back_as_it_was_sent(spec: dict[str, Any]) -> None:
    taken = parse(document(spec))

    assert [each.name for each in taken.specs] == [spec["name"]]
    assert json.loads(taken.document) == {"featureSpecs": [spec]}
    assert parse(taken.document) == taken


def test_none_is_a_list_like_any_other() -> None:
    assert parse(b' {"featureSpecs" : []}') == NONE


@pytest.mark.parametrize(
    ("spec", "what", "where"),
    [
        ({}, "missing required field `name`", "$.featureSpecs[1]"),
        ({"name": ""}, "length >= 1", "$.featureSpecs[1].name"),
        ({"name": "n" * 257}, "length <= 256", "$.featureSpecs[1].name"),
        ({"name": 1}, "Expected `str`", "$.featureSpecs[1].name"),
        ({"name": "x", "boolean": "yes"}, "Expected `bool | null`", "$.featureSpecs[1].boolean"),
        ({"name": "x", "rollout_start": EARLY}, "rollout_start without a rollout_end", "$.featureSpecs[1]"),
        (
            {"name": "x", "rollout_start": LATE, "rollout_end": EARLY},
            "rollout_start is after rollout_end",
            "$.featureSpecs[1]",
        ),
        ({"name": "x", "rollout_end": "tomorrow"}, "Invalid RFC3339", "$.featureSpecs[1].rollout_end"),
        ({"name": "x", "rollout_end": "2026-01-01T00:00:00"}, "timezone", "$.featureSpecs[1].rollout_end"),
        ({"name": "x", "rollout_end": 1767225600}, "Expected `datetime | null`", "$.featureSpecs[1].rollout_end"),
        ({"name": "x", "user": USER}, "Expected `array | null`", "$.featureSpecs[1].user"),
        ({"name": "x", "user": [{**USER, "comparator": ">"}]}, "'>'", "$.featureSpecs[1].user[0].comparator"),
        ({"name": "x", "user": [{**USER, "comparator": "in"}]}, "takes a list", "$.featureSpecs[1].user[0]"),
        ({"name": "x", "user": [{**USER, "value": ["pro"]}]}, "takes one value", "$.featureSpecs[1].user[0]"),
        ({"name": "x", "user": [{**USER, "value": {}}]}, "got `object`", "$.featureSpecs[1].user[0].value"),
        ({"name": "x", "user": [{"property": "p", "value": 1}]}, "`comparator`", "$.featureSpecs[1].user[0]"),
        ("x", "Expected `object`", "$.featureSpecs[1]"),
        ({"name": "first"}, "the name of featureSpecs[1] is there twice", ""),
    ],
)
def test_a_spec_that_is_not_taken_is_refused_with_what_is_wrong_and_where(spec: Any, what: str, where: str) -> None:
    with pytest.raises(BadFeatures) as caught:
        parse(document({"name": "first"}, spec))

    assert what in str(caught.value)
    assert str(caught.value).endswith(f"at `{where}`" if where else what)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"null", b'{"featureSpecs": {}}', b'{"featureSpecs": [', b'{"featureSpecs": []} ,', b"\xff"],
)
def test_what_is_no_list_of_specs_is_refused(body: bytes) -> None:
    with pytest.raises(BadFeatures):
        parse(body)


@pytest.mark.parametrize(
    "kept", [b'"\xff"', b'"\\ud800', b"NaN", b"[" * 100_000], ids=["no UTF-8", "cut off", "no number", "deep"]
)
def test_what_is_passed_over_must_be_json_all_the_same(kept: bytes) -> None:
    with pytest.raises(BadFeatures):
        parse(b'{"featureSpecs": [{"name": "x", "kept": %b}]}' % kept)
