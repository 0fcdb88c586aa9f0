"""The reference that counting and predictions are held to, on examples worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from coinslot.analytics.counter import Counter, Namespace
from tests.analytics.reference import Reference


def did(user: str, *names: str, **more: Any) -> list[dict[str, Any]]:
    return [{"event_name": name, "user_id": user, **more} for name in names]


# ann: a, b, then the goal. bob: a, then the goal, then b. cat: the goal alone. dan: a and b, and never the goal.
FOUR = [
    *did("ann", "a", "b", "goal"),
    *did("bob", "a", "goal", "b"),
    *did("cat", "goal"),
    *did("dan", "a", "b"),
]


def four() -> Reference:
    return Reference(goals=["goal"]).count(FOUR)


def test_users_count_once_and_a_goal_tells_what_came_before_it() -> None:
    namespace = four().count(FOUR).namespace()

    singles, sets = {"a": 2, "b": 1}, {("a", "b"): 1, ("a",): 1, (): 1}
    assert namespace == Namespace(
        "default",
        (
            Counter("global_counter", "internal", 4),
            Counter("a", "named", 3),
            Counter("b", "named", 3),
            Counter("goal", "named", 3, None, singles, sets),
        ),
        ("goal",),
    )


def test_a_value_counts_with_the_first_occurrence_of_each_counter() -> None:
    events = [
        *did("ann", "a", value=1.5),
        *did("ann", "a", value=10),
        *did("bob", "a"),
        *did("bob", "a", "b", value=4),
    ]

    counters = Reference().count(events).namespace().counters

    assert [(counter.name, counter.sum) for counter in counters] == [("global_counter", 1.5), ("a", 1.5), ("b", 4)]


def test_an_event_becomes_a_goal_with_the_event_that_ensures_it_and_stays_one() -> None:
    events = [
        *did("ann", "a", "b"),
        *did("bob", "a"),
        *did("bob", "b", ensure_goal=True),
        *did("cat", "b", ensure_goal=False),
    ]

    namespace = Reference().count(events).namespace()

    assert namespace.goals == ("b",)
    assert namespace.named()["b"].singles == {"a": 1}
    assert namespace.named()["b"].sets == {("a",): 1, (): 1}


def test_weeks_are_those_of_iso_in_utc() -> None:
    events = [
        *did("ann", "a", "b", datetime="2021-01-03T23:00:00Z"),
        *did("ann", "a", datetime="2021-01-03T23:00:00-02:00"),
        *did("bob", "a", datetime="2021-01-04T01:00:00+02:00"),
        *did("bob", "a"),
    ]

    weekly = [counter for counter in Reference(weekly="a").count(events).namespace().counters if counter.year]

    assert [(counter.name, counter.year, counter.week, counter.count) for counter in weekly] == [
        ("a", 2020, 53, 2),
        ("a", 2021, 1, 1),
        ("a", 2026, 1, 1),
    ]


def test_other_namespaces_are_passed_over() -> None:
    events = [*did("ann", "a"), *did("ann", "b", namespace="other")]

    assert [counter.name for counter in Reference("other").count(events).namespace().counters] == [
        "global_counter",
        "b",
    ]


def test_predictions_of_the_four() -> None:
    reference = four()

    assert reference.bayes() == {"goal": {"a": pytest.approx(2 / 3), "b": pytest.approx(1 / 3)}}
    # yes = 2/3 · 1/3; no = (3-2)/3 · (3-1)/3
    assert reference.likelihoods(["a", "b"]) == {"goal": pytest.approx((2 / 9, 2 / 9, 1))}
    # yes = 2/3; no = 1/3
    assert reference.likelihoods(["a"]) == {"goal": pytest.approx((2 / 3, 1 / 3, 2))}
    assert reference.likelihoods(["a", "goal"]) == {"goal": None}
    assert reference.nudges("goal", "nobody") == [("a", pytest.approx(2 / 3)), ("b", pytest.approx(1 / 3))]
    assert reference.nudges("goal", "dan") == []
    assert reference.nudges("a", "cat") == []


def test_what_has_no_users_without_the_goal_is_divided_by_a_tenth() -> None:
    reference = Reference(goals=["goal"]).count(did("ann", "a", "goal"))

    assert reference.likelihoods(["a"]) == {"goal": (1, 0, 10)}
