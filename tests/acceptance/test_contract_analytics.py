"""What contract 2 has of counting, goals, predictions, nudges, metrics and the document, at the front and at api."""

from __future__ import annotations

import gzip
import json
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.analytics.client import JSON, Client, Query
from tests.pipeline import Pipeline, until

RULES = [
    {"pattern": "^weekly", "date_cohort": "weekly"},
    {"pattern": "^small$", "type": "bloom_fixed_size", "size": 2, "error_probability": 0.01},
]
LIMIT_BYTES = 2**40
NOTE = "Submitted events included this goal, no prediction made"


def did(user: str, *names: str, **more: Any) -> list[dict[str, Any]]:
    return [{"event_name": name, "user_id": user, **more} for name in names]


# ann: a, b, then the goal. bob: a, then the goal, then b. cat: the goal alone. dan: a and b, and never the goal.
FOUR = [
    *did("ann", "a", "b", "goal"),
    *did("bob", "a", "goal", "b"),
    *did("cat", "goal"),
    *did("dan", "a", "b"),
]
OTHERS = [
    *did("ann", "a", value=1.5, namespace="values"),
    *did("bob", "b", namespace="values"),
    *did("ann", "a", value=10, namespace="values"),
    *(event for user in ("ann", "bob") for event in did(user, "much", value=1.7e308, namespace="beyond")),
    *(event for user in ("ann", "bob") for event in did(user, "little", value=-1.7e308, namespace="beyond")),
    *did("ann", "a", namespace="ensured"),
    *did("ann", "b", namespace="ensured", ensure_goal=True),
    *did("bob", "b", namespace="ensured", ensure_goal=False),
    *did("ann", "weekly visit", namespace="weeks", datetime="2021-01-03T23:00:00Z"),
    *did("ann", "weekly visit", namespace="weeks", datetime="2021-01-03T23:00:00-02:00"),
    *did("bob", "weekly visit", namespace="weeks", datetime="2021-01-04T00:00:00+01:00"),
    *(event for number in range(400) for event in did(f"user {number}", "small", namespace="full")),
    *did("ann", "a", 'it"s\n\\', namespace="näme"),
    *did("ann", 'it"s\n\\', namespace="näme", ensure_goal=True),
    *did("bob", "a", 'it"s\n\\', namespace="näme"),
]


@pytest.fixture(scope="module")
def counted(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A Coinslot that has counted the above, each of the four once more."""
    environment = {"REDIS_URL": redis_url, "DB_BACKEND": "sqlite", "KEY_PREFIX": f"test-{uuid.uuid4().hex[:12]}"}
    environment |= {"COUNTERS": json.dumps(RULES), "SITE_NAME": "here", "CLUSTER_NAME": "c1"}
    environment["KUBERNETES_MEMORY_LIMIT"] = str(LIMIT_BYTES)
    with Pipeline(tmp_path_factory.mktemp("counted"), environment, api=True) as pipeline:
        client = Client(pipeline)
        client.make_goal("goal")
        client.make_goal("never done")
        client.count([*FOUR, *FOUR, *OTHERS])
        yield pipeline


@pytest.fixture(params=["front", "api"])
def client(counted: Pipeline, request: pytest.FixtureRequest) -> Client:
    return Client(counted, counted.url if request.param == "front" else counted.api_url)


def counters(client: Client, namespace: str = "default") -> dict[str, dict[str, Any]]:
    """By name."""
    return {each["name"]: each for each in client.get("/v0/analytics", [("namespace", namespace)])["counts"]}


# Counting


def test_users_count_once_and_a_goal_tells_what_came_before_it(client: Client) -> None:
    found = counters(client)

    nothing: dict[str, Any] = {"single_event_counts": [], "event_counts": [], "value": {}}
    assert found["global_counter"] == {"name": "global_counter", "type": "internal", "count": 4, **nothing}
    assert found["a"] == {"name": "a", "type": "named", "count": 3, **nothing}
    assert found["b"] == {"name": "b", "type": "named", "count": 3, **nothing}
    goal = found["goal"]
    assert (goal["type"], goal["count"], goal["value"]) == ("named", 3, {})
    assert sorted(goal["single_event_counts"], key=lambda each: each["name"]) == [
        {"name": "a", "count": 2},
        {"name": "b", "count": 1},
    ]
    assert sorted(goal["event_counts"], key=lambda each: each["events"]) == [
        {"events": [], "count": 1},
        {"events": ["a"], "count": 1},
        {"events": ["a", "b"], "count": 1},
    ]
    assert len(found) == 4
    assert client.get("/v0/analytics") == client.get("/v0/analytics", [("namespace", "default")])


def test_a_value_counts_with_the_first_occurrence(client: Client) -> None:
    found = counters(client, "values")

    assert {name: counter["value"] for name, counter in found.items()} == {
        "global_counter": {"sum": 1.5},
        "a": {"sum": 1.5},
        "b": {},
    }


def test_a_sum_that_no_number_can_tell_stays_at_the_last_that_can(client: Client) -> None:
    found = counters(client, "beyond")

    assert found["much"]["value"] == {"sum": sys.float_info.max}
    assert found["little"]["value"] == {"sum": -sys.float_info.max}


def test_an_event_becomes_a_goal_with_the_event_that_ensures_it_and_stays_one(client: Client) -> None:
    assert client.get("/v0/goals", [("namespace", "ensured")]) == {"goals": ["b"]}
    goal = counters(client, "ensured")["b"]
    assert goal["single_event_counts"] == [{"name": "a", "count": 1}]
    assert sorted(goal["event_counts"], key=lambda each: each["events"]) == [
        {"events": [], "count": 1},
        {"events": ["a"], "count": 1},
    ]


def test_weeks_are_counted_where_a_rule_says_so(client: Client) -> None:
    found = counters(client, "weeks")

    weekly = {name: counter["count"] for name, counter in found.items() if counter["type"] == "weekly"}
    assert weekly == {"weekly visit 202053": 2, "weekly visit 202101": 1}
    assert found["weekly visit"]["count"] == 2


def test_namespaces_know_nothing_of_each_other(client: Client) -> None:
    expected = ["beyond", "default", "ensured", "full", "näme", "values", "weeks"]

    assert client.get("/v0/namespaces") == {"namespaces": expected}
    assert client.get("/v0/analytics", [("namespace", "nowhere")]) == {"counts": []}
    assert client.get("/v0/goals", [("namespace", "values")]) == {"goals": []}


# Goals


def test_goals_are_told_before_anybody_has_reached_them(client: Client) -> None:
    assert client.get("/v0/goals") == {"goals": ["goal", "never done"]}


@pytest.mark.parametrize(
    ("body", "media", "status", "what"),
    [
        (b'{"goal_name": "a"}', "text/plain", 415, JSON),
        (b"goal_name=a", "application/x-www-form-urlencoded", 415, JSON),
        (b"", JSON, 400, "truncated"),
        (b"[]", JSON, 400, "Expected `object`, got `array`"),
        (b"{}", JSON, 400, "missing required field `goal_name`"),
        (b'{"goal_name": ""}', JSON, 400, "$.goal_name"),
        (b'{"goal_name": "\xff"}', JSON, 400, "UTF-8"),
        (b'{"goal_name": "%s"}' % (b"x" * 257), JSON, 400, "$.goal_name"),
        (b'{"goal_name": "a", "namespace": 7}', JSON, 400, "$.namespace"),
        (b'{"goal_name": "%s"}' % (b"x" * 100_000), JSON, 413, "the limit is 65536"),
    ],
)
def test_what_is_no_goal_is_refused_with_what_is_wrong(
    client: Client, body: bytes, media: str, status: int, what: str
) -> None:
    response = client.post("/v0/goals", body, media)

    assert response.status == status
    assert what in response.json()["error"]["what"]


SMALL = {"/v0/goals": b'{"goal_name": "goal"}', "/v0/featureSpecs": b'{"featureSpecs": []}'}


@pytest.mark.parametrize("path", SMALL)
def test_a_body_of_unknown_length_or_packed_is_refused_for_that(client: Client, path: str) -> None:
    chunked = client.post(path, iter([SMALL[path]]))
    packed = client.post(path, gzip.compress(SMALL[path]), Content_Encoding="gzip")

    assert (chunked.status, chunked.json()) == (411, {"error": {"what": "a Content-Length is required"}})
    assert (packed.status, packed.json()) == (415, {"error": {"what": "content encoding 'gzip' is not taken here"}})


@pytest.mark.parametrize("path", SMALL)
def test_an_answer_without_content_says_nothing_of_any(client: Client, path: str) -> None:
    response = client.post(path, SMALL[path])

    assert (response.status, response.data) == (204, b"")
    assert "Content-Type" not in response.headers


# Predictions and nudges


def test_predictions_are_made_of_everything_for_events_and_for_a_user(client: Client) -> None:
    everything = {"goals": {"goal": {"events": {"a": {"bayes": 2 / 3}, "b": {"bayes": 1 / 3}}}}}
    both = {"goals": {"goal": {"yes": 2 / 9, "no": 2 / 9, "likelihood": 1}}}

    assert client.get("/v0/predictions") == everything
    assert client.get("/v0/predictions", [("event", "a"), ("event", "b")]) == both
    assert client.get("/v0/predictions", [("user_id", "dan")]) == both
    for query in ([("event", "goal")], [("user_id", "cat")]):
        assert client.get("/v0/predictions", query) == {"goals": {"goal": {"note": NOTE}}}
    assert client.get("/v0/predictions", [("namespace", "values"), ("event", "a")]) == {"goals": {}}


@pytest.mark.parametrize(
    ("query", "status", "what"),
    [
        ([("event", "a"), ("user_id", "ann")], 400, "event and user_id are both given"),
        ([("user_id", "nobody")], 404, "nothing is counted of this user"),
        ([("user_id", "dan"), ("namespace", "values")], 404, "'values'"),
        ([("event", "a"), ("event", "made up")], 400, "'made up'"),
        ([("event", "goal"), ("namespace", "values")], 400, "'goal'"),
        ([("event", "global_counter")], 400, "'global_counter'"),
    ],
)
def test_what_cannot_be_predicted_is_refused_with_what_is_wrong(
    client: Client, query: Query, status: int, what: str
) -> None:
    response = client.ask("/v0/predictions", query)

    assert response.status == status
    assert what in response.json()["error"]["what"]


def test_nudges_are_what_a_user_has_not_done_yet(client: Client) -> None:
    a, b = {"event_name": "a", "prediction": 2 / 3}, {"event_name": "b", "prediction": 1 / 3}

    for user, nudges in (("dan", []), ("cat", [a, b]), ("nobody", [a, b])):
        answer = client.get("/v0/nudges", [("user_id", user), ("goal", "goal")])

        assert answer == {"nudges": nudges, "goal": "goal", "user_id": user}
    assert client.get("/v0/nudges", [("user_id", "dan"), ("goal", "never done")])["nudges"] == []


@pytest.mark.parametrize(("query", "missing"), [([("goal", "goal")], "user_id"), ([("user_id", "ann")], "goal")])
def test_nudges_need_a_user_and_a_goal(client: Client, query: Query, missing: str) -> None:
    response = client.ask("/v0/nudges", query)

    assert (response.status, response.json()) == (400, {"error": {"what": f"{missing} is missing"}})


# Metrics


def scrape(client: Client, path: str) -> dict[tuple[str, ...], float]:
    """By name and values of the labels, in the order of the labels' names."""
    response = client.ask(path)
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.data.decode())
        for sample in family.samples
    }


def test_metrics_tell_how_it_is(client: Client) -> None:
    # What was spent is told after it was counted.
    spent = ("kimball_event_add_duration_microseconds_count",)
    samples = until(lambda: scraped if (scraped := scrape(client, "/metrics"))[spent] else None, what=f"{spent}")

    assert samples["coinslot_info", "c1", "here"] == 1
    assert samples["kimball_counters",] == sum(
        len(counters(client, name)) for name in client.get("/v0/namespaces")["namespaces"]
    )
    assert samples["kimball_persist_counters_managed",] >= 0
    assert samples["kimball_event_add_duration_microseconds_sum",] > 0
    assert samples["kimball_counters_saturated",] == 1
    assert samples["kimball_filter_bytes",] > 100_000
    assert 0 < samples["memory_remaining_bytes",] < LIMIT_BYTES


def test_metrics_of_counters_and_predictions_are_of_every_namespace(client: Client) -> None:
    by_counter = scrape(client, "/metrics/counters")
    by_prediction = scrape(client, "/metrics/predictions")

    hostile = 'it"s\n\\'
    assert by_counter["kimball_counter", "default", "a"] == 3
    assert by_counter["kimball_counter", "näme", hostile] == 2
    assert by_counter["kimball_counter_weekly", "weeks", "weekly visit", "53", "2020"] == 2
    assert by_counter["kimball_counter_capacity", "full", "small", "named"] == 2
    assert by_counter["kimball_counter_kept", "full", "small", "named"] > 2
    assert 0 < by_counter["kimball_counter_filter_bytes", "full", "small", "named"] <= 64
    assert by_prediction == {
        ("kimball_bayes_prediction", "a", "goal", "default"): pytest.approx(2 / 3),
        ("kimball_bayes_prediction", "b", "goal", "default"): pytest.approx(1 / 3),
        ("kimball_bayes_prediction", "a", "b", "ensured"): 1,
        ("kimball_bayes_prediction", "a", hostile, "näme"): 0.5,
    }


# The document


def test_the_document_is_a_page_or_json(client: Client) -> None:
    page, document = client.ask("/api-docs"), client.get("/openapi.json")

    assert page.headers["Content-Type"].startswith("text/html")
    text = page.data.decode()
    assert [path for path in document["paths"] if f" {path}</code>" not in text] == []
    assert "<script" not in text


# Around it

READS = [
    "/v0/analytics",
    "/v0/goals",
    "/v0/namespaces",
    "/v0/predictions",
    "/metrics",
    "/metrics/counters",
    "/api-docs",
]


@pytest.mark.parametrize("path", READS)
def test_head_is_get_without_a_body(client: Client, path: str) -> None:
    response = client.ask(path, method="HEAD")

    assert (response.status, response.data) == (200, b"")


@pytest.mark.parametrize("path", READS)
def test_another_method_is_405_and_says_what_is_allowed(client: Client, path: str) -> None:
    response = client.ask(path, method="DELETE")

    writes = {"POST"} if path in ("/v0/analytics", "/v0/goals") else set()
    assert response.status == 405
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"} | writes
    assert response.json()["error"]["what"]
