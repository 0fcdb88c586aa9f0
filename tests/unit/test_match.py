"""Which events an erasure means, and what it is not told to mean."""

from __future__ import annotations

from typing import Any

import pytest

from coinslot.errors import BadErasure
from coinslot.events import MAX_DEPTH
from coinslot.match import parse


@pytest.mark.parametrize(
    ("field", "value", "fields"),
    [
        ("user_id", "abc", {"user_id": "abc"}),
        ("user_id", "", {"user_id": ""}),
        ("user_id", 'a"\\\n\x00ü', {"user_id": 'a"\\\n\x00ü'}),
        ("n", 1, {"n": 1.0}),
        ("n", 2**53 + 1, {"n": 2**53 + 1}),
        ("yes", True, {"yes": True}),
        ("user.id", "abc", {"user": {"id": "abc"}}),
        ("users", "abc", {"users": ["x", "abc"]}),
        ("users.id", "abc", {"users": [{"id": "x"}, {"id": "abc"}]}),
        ("users.ids", "abc", {"users": [1, {"ids": ["abc"]}]}),
        ("größe", 1, {"größe": 1}),
        ("a-b", 1, {"a-b": 1}),
    ],
)
def test_an_event_matches_if_the_field_has_the_value(field: str, value: Any, fields: dict[str, Any]) -> None:
    assert parse(field, value)(fields)


@pytest.mark.parametrize(
    ("field", "value", "fields"),
    [
        ("user_id", "abc", {}),
        ("user_id", "abc", {"user_id": "abcd"}),
        ("user_id", "abc", {"user_id": "ABC"}),
        ("user_id", "1", {"user_id": 1}),
        ("n", 1, {"n": True}),
        ("n", True, {"n": 1}),
        ("n", 0, {"n": False}),
        ("n", 2**53 + 1, {"n": float(2**53)}),
        ("n", 0, {"n": None}),
        ("user.id", "abc", {"user.id": "abc"}),
        ("user.id", "abc", {"user": "abc"}),
        ("user.id", "abc", {"user": None}),
        ("users", "abc", {"users": [["abc"]]}),
        ("users", "abc", {"users": {"abc": 1}}),
        ("a.b", 1, {"a": [[{"b": 1}]]}),
    ],
)
def test_positive_control_all_else_does_not(field: str, value: Any, fields: dict[str, Any]) -> None:
    assert not parse(field, value)(fields)


@pytest.mark.parametrize(
    "field",
    [
        *(
            "",
            "$where",
            "a.$b",
            "$or",
            "a$b",
            ".",
            "a.",
            ".a",
            "a..b",
            "1",
            "a.0",
            "a b",
            "a\x00",
            "a\n",
            "a[0]",
            "a\ud800",
        ),
        *("x" * 1001, None, 1, ["a"], {"$gt": ""}, ".".join("x" * (MAX_DEPTH + 1))),
    ],
)
def test_a_field_that_could_be_anything_else_is_refused(field: object) -> None:
    with pytest.raises(BadErasure, match="field"):
        parse(field, "abc")


@pytest.mark.parametrize("value", [None, {}, {"$gt": ""}, {"$where": "1"}, [], ["abc"], 2**63, -(2**63) - 1])
def test_a_value_that_is_no_text_number_or_boolean_is_refused(value: object) -> None:
    with pytest.raises(BadErasure, match="value"):
        parse("user_id", value)
