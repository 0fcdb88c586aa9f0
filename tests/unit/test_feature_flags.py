"""Whether a flag is on: every row of the rules, at the borders of a rollout and within it."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from coinslot.features.flags import flags, is_on
from coinslot.features.spec import Spec, parse

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 11, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
ROLLOUT = {"rollout_start": START.isoformat(), "rollout_end": END.isoformat()}
ALMOST_1 = 1 - 2**-53  # the most that random() gives


def spec(**fields: Any) -> Spec:
    return parse(json.dumps({"featureSpecs": [{"name": "x", **fields}]}).encode()).specs[0]


def condition(comparator: str, value: Any, property: str = "plan") -> dict[str, Any]:
    return {"property": property, "comparator": comparator, "value": value}


def unasked() -> float:
    raise AssertionError("nothing was left to chance")


@pytest.mark.parametrize(("boolean", "expected"), [(True, True), (False, False), (None, False)])
def test_boolean(boolean: bool | None, expected: bool) -> None:
    assert is_on(spec(boolean=boolean), {}, START, unasked) is expected


@pytest.mark.parametrize(
    ("conditions", "user", "expected"),
    [
        ([], {"plan": "pro"}, False),
        ([condition("=", "pro")], {"plan": "pro"}, True),
        ([condition("=", "pro")], {"plan": "Pro"}, False),
        ([condition("=", "pro")], {}, False),
        ([condition("=", "pro")], {"plan": ["pro"]}, False),
        ([condition("=", None)], {"plan": None}, True),
        ([condition("=", None)], {}, False),
        ([condition("=", 1)], {"plan": 1.0}, True),
        ([condition("=", 1)], {"plan": True}, False),
        ([condition("=", True)], {"plan": 1}, False),
        ([condition("=", "1")], {"plan": 1}, False),
        ([condition("in", ["free", "pro"])], {"plan": "pro"}, True),
        ([condition("in", ["free", 1])], {"plan": True}, False),
        ([condition("in", ["professional"])], {"plan": "pro"}, False),
        ([condition("in", [])], {"plan": "pro"}, False),
        ([condition("=", "free"), condition("in", ["DE"], "country")], {"plan": "pro", "country": "DE"}, True),
        ([condition("=", "pro"), condition("in", ["DE"], "country")], {"plan": "pro", "country": "FR"}, True),
    ],
)
def test_any_condition_that_the_user_meets(
    conditions: list[dict[str, Any]], user: dict[str, Any], expected: bool
) -> None:
    assert is_on(spec(user=conditions), user, START, unasked) is expected


@pytest.mark.parametrize(
    ("now", "drawn", "expected"),
    [
        (START - INSTANT, None, False),
        (START, None, False),
        (START + INSTANT, 0.0, True),
        (START + INSTANT, INSTANT / (END - START), False),
        (START + timedelta(days=2.5), 0.25 - 2**-54, True),
        (START + timedelta(days=2.5), 0.25, False),
        (START + timedelta(days=5), 0.49, True),
        (START + timedelta(days=5), 0.5, False),
        (END - INSTANT, 0.99, True),
        (END - INSTANT, ALMOST_1, False),
        (END, None, True),
        (END + INSTANT, None, True),
    ],
)
def test_a_rollout_is_off_up_to_its_start_on_from_its_end_and_a_chance_between(
    now: datetime, drawn: float | None, expected: bool
) -> None:
    chance = unasked if drawn is None else lambda: drawn

    assert is_on(spec(**ROLLOUT), {}, now, chance) is expected


@pytest.mark.parametrize(("share", "days"), [(0.1, 1), (0.5, 5), (0.9, 9)])
def test_the_chance_grows_linearly(share: float, days: int) -> None:
    chance = random.Random(7).random
    now = START + timedelta(days=days)

    on = sum(is_on(spec(**ROLLOUT), {}, now, chance) for _ in range(10_000))

    assert abs(on / 10_000 - share) < 0.02  # four standard deviations at a half


def test_it_is_drawn_anew_for_each_flag() -> None:
    drawn = iter([0.9, 0.1])
    specs = [Spec("a", rollout_start=START, rollout_end=END), Spec("b", rollout_start=START, rollout_end=END)]

    told = flags(specs, {}, START + timedelta(days=5), lambda: next(drawn))

    assert told == {"a": False, "b": True}


@pytest.mark.parametrize(("now", "expected"), [(END - INSTANT, False), (END, True)])
def test_an_end_without_a_start_is_a_rollout_at_one_moment(now: datetime, expected: bool) -> None:
    assert is_on(spec(rollout_end=END.isoformat()), {}, now, unasked) is expected


def test_at_a_start_that_is_also_the_end_it_is_off_and_then_on() -> None:
    at_once = spec(rollout_start=START.isoformat(), rollout_end=START.isoformat())

    assert not is_on(at_once, {}, START, unasked)
    assert is_on(at_once, {}, START + INSTANT, unasked)


@pytest.mark.parametrize(
    "fields", [{"boolean": True}, {"boolean": False, "user": [condition("=", "pro")]}], ids=["boolean", "user"]
)
def test_what_is_on_already_is_not_left_to_chance(fields: dict[str, Any]) -> None:
    assert is_on(spec(**fields, **ROLLOUT), {"plan": "pro"}, START, unasked)
