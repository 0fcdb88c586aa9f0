"""What api answers of analytics, over counters that are held in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from coinslot.analytics.counter import MAX_NAME_CHARACTERS, Counter, Namespace
from tests.analytics.held import Held
from tests.analytics.shown import client, shop


def get(url: str, counters: Held | None = None) -> Any:
    """The answer to what is answered."""
    response = client(counters or shop()).get(url)
    assert (response.status_code, response.content_type) == (200, "application/json")
    return response.json


def refusal(url: str, counters: Held | None = None) -> tuple[int, str]:
    response = client(counters or shop()).get(url)
    return response.status_code, response.get_json()["error"]["what"]


# Counts


def test_each_counter_is_shown_with_what_its_kind_has() -> None:
    internal, visit, search, buy, weekly = get("/v0/analytics")["counts"]

    nothing: dict[str, list[Any]] = {"single_event_counts": [], "event_counts": []}
    assert internal == {"name": "global_counter", "type": "internal", "count": 5, "value": {}, **nothing}
    assert visit == {"name": "visit", "type": "named", "count": 4, "value": {"sum": 1.5}, **nothing}
    assert search == {"name": "search", "type": "named", "count": 2, "value": {}, **nothing}
    assert weekly == {"name": "visit 202601", "type": "weekly", "count": 3, "value": {}, **nothing}
    assert buy == {
        "name": "buy",
        "type": "named",
        "count": 2,
        "value": {"sum": 40},
        "single_event_counts": [{"name": "visit", "count": 2}, {"name": "search", "count": 1}],
        "event_counts": [{"events": ["search", "visit"], "count": 1}, {"events": ["visit"], "count": 1}],
    }


def test_users_with_nothing_before_a_goal_are_a_set_too_and_a_sum_of_nought_is_a_sum() -> None:
    counter = Counter("buy", "named", 1, 0, {}, {(): 1})

    (shown,) = get("/v0/analytics", Held([Namespace("default", (counter,), ("buy",))]))["counts"]

    assert shown["event_counts"] == [{"events": [], "count": 1}]
    assert shown["value"] == {"sum": 0}


@pytest.mark.parametrize("query", ["", "?namespace=default", "?namespace="])
def test_without_a_name_it_is_the_default_namespace(query: str) -> None:
    assert len(get(f"/v0/analytics{query}")["counts"]) == 5
    assert get(f"/v0/goals{query}") == {"goals": ["buy", "sign up"]}


def test_another_namespace_has_counters_of_its_own_and_one_that_is_not_there_none() -> None:
    assert [counter["count"] for counter in get("/v0/analytics?namespace=other")["counts"]] == [1, 1]
    assert get("/v0/analytics?namespace=nowhere") == {"counts": []}
    assert get("/v0/goals?namespace=nowhere") == {"goals": []}
    assert get("/v0/predictions?namespace=nowhere") == {"goals": {}}
    assert get("/v0/namespaces") == {"namespaces": ["default", "other"]}


# Goals


@pytest.mark.parametrize(
    ("body", "namespace"),
    [
        ('{"goal_name": "a goal"}', "default"),
        ('{"goal_name": "a goal", "namespace": null}', "default"),
        ('{"goal_name": "a goal", "namespace": "new", "who": "cares"}', "new"),
    ],
)
def test_a_goal_is_made(body: str, namespace: str) -> None:
    counters = shop()

    response = client(counters).post("/v0/goals", data=body, content_type="application/json; charset=utf-8")

    assert (response.status_code, response.data) == (204, b"")
    assert "a goal" in get(f"/v0/goals?namespace={namespace}", counters)["goals"]
    assert namespace in get("/v0/namespaces", counters)["namespaces"]


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (" ", "truncated"),
        ("{", "truncated"),
        ("[]", "Expected `object`, got `array`"),
        ("{}", "missing required field `goal_name`"),
        ('{"goal_name": ""}', "length >= 1 - at `$.goal_name`"),
        ('{"goal_name": 7}', "Expected `str`, got `int` - at `$.goal_name`"),
        ('{"goal_name": "%s"}' % ("x" * (MAX_NAME_CHARACTERS + 1)), "length <= 256 - at `$.goal_name`"),
        ('{"goal_name": "a\\u0000"}', "goal_name has a NUL in it"),
        ('{"goal_name": "a", "namespace": "\\u0000"}', "namespace has a NUL in it"),
        ('{"goal_name": "a", "namespace": ""}', "length >= 1 - at `$.namespace`"),
        ('{"goal_name": "a", "namespace": []}', "got `array` - at `$.namespace`"),
        (b'{"goal_name": "\xff"}', "UTF-8"),
        ("[" * 50_000, "got `array`"),
        ('{"goal_name": "a", "x": %s}' % ("[" * 50_000), "recursion"),
    ],
)
def test_what_is_no_goal_is_refused_with_what_is_wrong(body: str | bytes, what: str) -> None:
    counters = shop()

    response = client(counters).post("/v0/goals", data=body, content_type="application/json")

    assert response.status_code == 400
    assert what in response.get_json()["error"]["what"]
    assert get("/v0/goals", counters) == get("/v0/goals")


def test_the_longest_name_is_taken_whole() -> None:
    counters, name = shop(), "ö" * MAX_NAME_CHARACTERS

    response = client(counters).post("/v0/goals", json={"goal_name": name})

    assert response.status_code == 204
    assert name in get("/v0/goals", counters)["goals"]


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_goal_that_is_not_sent_as_json_is_415(content_type: str | None) -> None:
    response = client(shop()).post("/v0/goals", data='{"goal_name": "a"}', content_type=content_type)

    assert response.status_code == 415
    assert "application/json" in response.get_json()["error"]["what"]


def test_a_goal_of_megabytes_is_413() -> None:
    response = client(shop()).post("/v0/goals", json={"goal_name": "x" * 10**6})

    assert response.status_code == 413


# Predictions


def test_predictions_of_everything() -> None:
    expected = {"goals": {"buy": {"events": {"search": {"bayes": 0.5}, "visit": {"bayes": 0.5}}}}}

    assert get("/v0/predictions") == expected


def test_predictions_for_events_and_for_those_of_a_user() -> None:
    expected = {"goals": {"buy": {"yes": 0.5, "no": 0.5, "likelihood": 1}}}

    assert get("/v0/predictions?event=visit&event=search") == expected
    assert get("/v0/predictions?user_id=ann") == expected
    assert get("/v0/predictions?event=visit") == {"goals": {"buy": {"yes": 1, "no": 1, "likelihood": 1}}}


def test_a_goal_among_the_events_is_not_predicted() -> None:
    expected = {"goals": {"buy": {"note": "Submitted events included this goal, no prediction made"}}}

    assert get("/v0/predictions?event=buy") == expected
    assert get("/v0/predictions?user_id=cat") == expected


@pytest.mark.parametrize(
    ("query", "status", "what"),
    [
        ("user_id=", 400, "user_id is empty"),
        ("event=visit&user_id=ann", 400, "event and user_id are both given"),
        ("user_id=nobody", 404, "nothing is counted of this user in the namespace 'default'"),
        ("user_id=ann&namespace=nowhere", 404, "in the namespace 'nowhere'"),
        ("event=visit&event=made-up", 400, "'made-up' is no event of the namespace 'default'"),
        ("event=", 400, "'' is no event"),
        ("event=global_counter", 400, "'global_counter' is no event"),
        ("event=search&namespace=other", 400, "'search' is no event of the namespace 'other'"),
        ("event=sign+up", 400, "'sign up' is no event"),
    ],
)
def test_what_cannot_be_predicted_is_refused_with_what_is_wrong(query: str, status: int, what: str) -> None:
    refused = refusal(f"/v0/predictions?{query}")

    assert refused[0] == status
    assert what in refused[1]


def test_a_name_that_no_event_can_have_is_not_echoed_whole() -> None:
    status, what = refusal(f"/v0/predictions?event={'x' * 10_000}")

    assert (status, len(what) < 400) == (400, True)


def test_what_prediction_targets_answer_stands_beside_our_own() -> None:
    asked = []

    def ask(namespace: str, user_id: str, events: Sequence[str]) -> dict[str, dict[str, float]]:
        asked.append((namespace, user_id, list(events)))
        return {"buy": {"shop_yes": 0.25, "shop_no": 0.75}, "churn": {"churn_yes": 1, "churn_no": 0}}

    told = client(shop(), ask)
    by_user, by_event, all = (
        told.get(f"/v0/predictions{query}").json for query in ("?user_id=bob", "?event=search&event=visit", "")
    )

    assert asked == [("default", "bob", ["visit"]), ("default", "", ["search", "visit"])]
    for answer in (by_user, by_event):
        assert answer["goals"]["churn"] == {"churn_yes": 1, "churn_no": 0}
        assert answer["goals"]["buy"].keys() == {"yes", "no", "likelihood", "shop_yes", "shop_no"}
    assert all == get("/v0/predictions")


# Nudges


def test_nudges_are_what_the_user_has_not_done() -> None:
    both = [{"event_name": "search", "prediction": 0.5}, {"event_name": "visit", "prediction": 0.5}]

    for user_id, nudges in (("ann", []), ("bob", both[:1]), ("nobody", both)):
        answer = get(f"/v0/nudges?user_id={user_id}&goal=buy")

        assert answer == {"nudges": nudges, "goal": "buy", "user_id": user_id}


@pytest.mark.parametrize("goal", ["sign+up", "visit", "made-up"])
def test_nothing_leads_to_what_nobody_has_reached_or_is_no_goal(goal: str) -> None:
    assert get(f"/v0/nudges?user_id=bob&goal={goal}")["nudges"] == []


@pytest.mark.parametrize(
    ("query", "missing"), [("goal=buy", "user_id"), ("user_id=ann", "goal"), ("user_id=&goal=buy", "user_id")]
)
def test_nudges_need_a_user_and_a_goal(query: str, missing: str) -> None:
    assert refusal(f"/v0/nudges?{query}") == (400, f"{missing} is missing")


# Without Redis

READS = [
    "/v0/analytics",
    "/v0/goals",
    "/v0/namespaces",
    "/v0/predictions",
    "/v0/predictions?user_id=ann",
    "/v0/nudges?user_id=ann&goal=buy",
    "/metrics",
    "/metrics/counters",
    "/metrics/predictions",
]


@pytest.mark.parametrize("url", READS)
def test_while_redis_does_not_answer_it_is_503(url: str) -> None:
    counters = shop()
    counters.lost = True

    response = client(counters).get(url)

    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert response.get_json()["error"]["what"]


def test_so_is_a_goal_that_cannot_be_made() -> None:
    counters = shop()
    counters.lost = True

    response = client(counters).post("/v0/goals", json={"goal_name": "a"})

    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
