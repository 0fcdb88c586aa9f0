"""Predictions and nudges, held to the reference on made-up visitors, and where there is little or nothing to go by."""

from __future__ import annotations

import sys
from itertools import combinations

import pytest

from coinslot.analytics.counter import Counter, Namespace
from coinslot.analytics.nudges import nudges
from coinslot.analytics.predictions import Prediction, for_all, for_events
from coinslot.errors import UnknownEvent
from tests.analytics.reference import Reference
from tests.analytics.walks import EVENTS, GOALS, walk

SOME = [events for size in range(1, len(EVENTS) + 1) for events in combinations(EVENTS, size)]


@pytest.fixture(params=range(5), scope="module")
def reference(request: pytest.FixtureRequest) -> Reference:
    """From hardly anybody to many."""
    users = 4 * 3**request.param
    return Reference(goals=[*GOALS, "never done"]).count(walk(request.param, events=4 * users, users=users))


def test_those_of_everything_are_the_references(reference: Reference) -> None:
    assert for_all(reference.namespace()) == reference.bayes()


def test_those_for_events_are_the_references(reference: Reference) -> None:
    namespace = reference.namespace()
    known = set(namespace.named())

    for events in [events for events in SOME if known.issuperset(events)]:
        assert for_events(namespace, events) == reference.likelihoods(events)


def test_nudges_are_the_references(reference: Reference) -> None:
    for user in [*sorted(reference.everybody), "nobody"]:
        for goal in (*GOALS, "never done"):
            assert nudges(reference.namespace(), goal, reference.events_of(user)) == reference.nudges(goal, user)


def test_positive_control_one_count_too_many_is_seen() -> None:
    reference = Reference(goals=GOALS).count(walk(1, events=200, users=50))
    namespace = reference.namespace()

    reference.users["search"].add("one more")

    assert for_all(namespace) != reference.bayes()
    assert for_events(namespace, ["search"]) != reference.likelihoods(["search"])


# Little to go by


def of(*counters: Counter, goals: tuple[str, ...] = ("goal",)) -> Namespace:
    return Namespace("default", (Counter("global_counter", "internal", 10), *counters), goals)


def test_a_namespace_of_which_nothing_is_known_predicts_nothing() -> None:
    nothing = Namespace("nowhere")

    assert for_all(nothing) == {}
    assert for_events(nothing, []) == {}
    assert nudges(nothing, "goal", []) == []


def test_a_goal_that_nobody_has_reached_is_left_out() -> None:
    for goal in ((), (Counter("goal", "named", 0),)):
        namespace = of(Counter("a", "named", 4), *goal)

        assert for_all(namespace) == {}
        assert for_events(namespace, ["a"]) == {}
        assert nudges(namespace, "goal", []) == []


def test_a_goal_before_which_nothing_came_predicts_for_events_alone() -> None:
    namespace = of(Counter("a", "named", 4), Counter("goal", "named", 2, sets={(): 2}))

    assert for_all(namespace) == {}
    assert for_events(namespace, ["a"]) == {"goal": Prediction(yes=0, no=2, likelihood=0)}


def test_an_event_that_is_no_goal_predicts_nothing_whatever_is_known_of_it() -> None:
    namespace = of(Counter("a", "named", 4), Counter("b", "named", 2, singles={"a": 1}), goals=())

    assert for_all(namespace) == {}
    assert for_events(namespace, ["a"]) == {}


def test_an_event_that_is_not_counted_any_more_predicts_nothing() -> None:
    goal = Counter("goal", "named", 2, singles={"a": 1, "gone": 1, "empty": 1})

    assert for_all(of(Counter("a", "named", 4), Counter("empty", "named", 0), goal)) == {"goal": {"a": 0.25}}


def test_a_filters_error_is_told_as_it_comes_out() -> None:
    namespace = of(Counter("a", "named", 4), Counter("goal", "named", 10, singles={"a": 5}))

    assert for_all(namespace) == {"goal": {"a": 1.25}}
    assert for_events(namespace, ["a"]) == {"goal": Prediction(yes=0.5, no=-0.1, likelihood=5)}


def test_the_internal_and_weekly_counters_are_no_events() -> None:
    namespace = of(Counter("a", "weekly", 4, year=2026, week=1), Counter("goal", "named", 1))

    for name in ("a", "global_counter"):
        with pytest.raises(UnknownEvent, match=f"'{name}' is no event of the namespace 'default'"):
            for_events(namespace, [name])


def test_an_event_that_is_given_twice_counts_once() -> None:
    namespace = of(Counter("a", "named", 4), Counter("goal", "named", 2, singles={"a": 1}))

    assert for_events(namespace, ["a", "a"]) == for_events(namespace, ["a"])


def test_many_common_events_before_a_rare_goal_are_still_a_number() -> None:
    names = [f"event {number}" for number in range(100)]
    counters = [Counter(name, "named", 1_000_000) for name in names]
    goal = Counter("goal", "named", 1, singles=dict.fromkeys(names, 1))

    found = for_events(of(*counters, goal), names)

    assert found == {"goal": Prediction(yes=1, no=sys.float_info.max, likelihood=1 / sys.float_info.max)}


def test_nudges_of_one_share_are_told_by_name() -> None:
    namespace = of(
        *(Counter(name, "named", 4) for name in "cab"), Counter("goal", "named", 2, singles={"c": 1, "b": 1, "a": 2})
    )

    assert nudges(namespace, "goal", []) == [("a", 0.5), ("b", 0.25), ("c", 0.25)]
    assert nudges(namespace, "goal", ["a", "c"]) == [("b", 0.25)]
