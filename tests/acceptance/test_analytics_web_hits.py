"""Visits of a web site, counted by two workers, come to what the reference makes of them in one pass.

The visits are made up. With WEB_HITS, the path of a file of them (gzipped, a JSON object a line with `timestamp` in ms,
`user_id`, `event_name` and `bytes`), those are counted as well.
"""

from __future__ import annotations

import gzip
import json
import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from prometheus_client.parser import text_string_to_metric_families

from coinslot.analytics.counter import Counter
from tests.analytics.client import Client
from tests.analytics.reference import Reference
from tests.analytics.walks import hits
from tests.pipeline import Pipeline

FILE = os.environ.get("WEB_HITS", "")
GOAL = "visit:projects"
WEEKLY = [{"pattern": "^visit:", "date_cohort": "weekly"}]
SOME = 10  # events of which every pair is predicted for
EVERY = 25  # of so many users one is asked for


class Site(NamedTuple):
    """What was counted, and where it can be asked for."""

    client: Client
    reference: Reference
    events: list[dict[str, Any]]

    @property
    def users(self) -> list[str]:
        return sorted(self.reference.everybody)[::EVERY]


def from_file(path: str) -> list[dict[str, Any]]:
    with gzip.open(path) as lines:
        return [json.loads(line) for line in lines]


def visit(hit: dict[str, Any]) -> dict[str, Any]:
    """The analytic event of a hit; its value is how many bytes were sent."""
    at = datetime.fromtimestamp(hit["timestamp"] / 1000, UTC).isoformat()
    return {"event_name": hit["event_name"], "user_id": hit["user_id"], "datetime": at, "value": hit["bytes"]}


@pytest.fixture(scope="module", params=["made up", *(["from a file"] if FILE else [])])
def site(request: pytest.FixtureRequest, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    events = [visit(hit) for hit in (from_file(FILE) if request.param == "from a file" else hits(6000, users=1000))]
    folder: Path = tmp_path_factory.mktemp("site")
    environment = {"REDIS_URL": redis_url, "DB_BACKEND": "sqlite", "KEY_PREFIX": f"test-{uuid.uuid4().hex[:12]}"}
    with Pipeline(folder, {**environment, "COUNTERS": json.dumps(WEEKLY)}, workers=2) as pipeline:
        client = Client(pipeline)
        client.make_goal(GOAL)
        client.count(events)
        names = {event["event_name"] for event in events}
        yield Site(client, Reference(weekly=names, goals=[GOAL]).count(events), events)


def shown(counter: Counter) -> dict[str, Any]:
    """As the contract has it; lists in no order."""
    name = f"{counter.name} {counter.year:04}{counter.week:02}" if counter.kind == "weekly" else counter.name
    return {
        "name": name,
        "type": counter.kind,
        "count": counter.count,
        "single_event_counts": counter.singles,
        "event_counts": counter.sets,
        "value": {"sum": counter.sum},
    }


def without_order(counter: dict[str, Any]) -> dict[str, Any]:
    singles, sets = counter["single_event_counts"], counter["event_counts"]
    as_dict = {
        "single_event_counts": {each["name"]: each["count"] for each in singles},
        "event_counts": {tuple(each["events"]): each["count"] for each in sets},
    }
    assert [len(counts) for counts in as_dict.values()] == [len(singles), len(sets)]
    return {**counter, **as_dict}


def key(counter: dict[str, Any]) -> tuple[str, str]:
    return counter["type"], counter["name"]


def test_counters_are_the_references(site: Site) -> None:
    # A filter for 100,000 holds so few that it errs once in 10**15 times: no number differs.
    expected = sorted(map(shown, site.reference.namespace().counters), key=key)

    counted = sorted(map(without_order, site.client.get("/v0/analytics")["counts"]), key=key)

    assert counted == expected
    assert {counter["type"] for counter in counted} == {"named", "internal", "weekly"}
    assert next(counter for counter in counted if counter["name"] == GOAL)["event_counts"]


def test_its_goals_and_namespaces_are_told(site: Site) -> None:
    assert site.client.get("/v0/goals") == {"goals": [GOAL]}
    assert site.client.get("/v0/namespaces") == {"namespaces": ["default"]}


def test_predictions_of_everything_are_the_references(site: Site) -> None:
    predicted = site.client.get("/v0/predictions")["goals"]

    bayes = {
        goal: {event: of["bayes"] for event, of in by_event["events"].items()} for goal, by_event in predicted.items()
    }
    assert bayes == site.reference.bayes()
    assert bayes.keys() == {GOAL}


def test_predictions_for_events_are_the_references(site: Site) -> None:
    names = sorted(site.reference.users, key=lambda name: -len(site.reference.users[name]))[:SOME]

    for events in combinations(names, 2):
        predicted = site.client.get("/v0/predictions", [("event", event) for event in events])["goals"]

        assert predicted == told(site.reference.likelihoods(events))


def test_predictions_and_nudges_for_users_are_the_references(site: Site) -> None:
    for user in site.users:
        done = site.reference.events_of(user)
        predicted = site.client.get("/v0/predictions", [("user_id", user)])["goals"]
        nudges = site.client.get("/v0/nudges", [("user_id", user), ("goal", GOAL)])["nudges"]

        assert predicted == told(site.reference.likelihoods(done))
        assert [(each["event_name"], each["prediction"]) for each in nudges] == site.reference.nudges(GOAL, user)


def told(likelihoods: dict[str, tuple[float, float, float] | None]) -> dict[str, Any]:
    note = {"note": "Submitted events included this goal, no prediction made"}
    names = ("yes", "no", "likelihood")
    return {
        goal: note if found is None else dict(zip(names, found, strict=True)) for goal, found in likelihoods.items()
    }


def samples(site: Site, path: str, name: str) -> dict[tuple[str, ...], float]:
    """Values of a metric by those of its labels, in the order of the labels' names."""
    text = site.client.ask(path).data.decode()
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def test_metrics_are_the_references(site: Site) -> None:
    counters = site.reference.namespace().counters

    users, weeks = (samples(site, "/metrics/counters", f"kimball_counter{name}") for name in ("", "_weekly"))
    predicted = samples(site, "/metrics/predictions", "kimball_bayes_prediction")

    assert users == {("default", counter.name): counter.count for counter in counters if counter.kind != "weekly"}
    assert weeks == {
        ("default", counter.name, f"{counter.week:02}", f"{counter.year}"): counter.count
        for counter in counters
        if counter.kind == "weekly"
    }
    assert predicted == {(event, GOAL, "default"): share for event, share in site.reference.bayes()[GOAL].items()}
    assert samples(site, "/metrics", "kimball_counters") == {(): len(counters)}
    assert samples(site, "/metrics", "kimball_counters_saturated") == {(): 0}


def test_positive_control_another_order_and_a_user_less_are_seen(site: Site) -> None:
    name, user = next((each["event_name"], each["user_id"]) for each in site.events if each["event_name"] != GOAL)
    predicted = site.client.get("/v0/predictions", [("event", name)])["goals"]

    backwards = Reference(goals=[GOAL]).count(reversed(site.events))
    without_one = Reference(goals=[GOAL]).count(event for event in site.events if event["user_id"] != user)

    for reference in (backwards, without_one):
        assert predicted != told(reference.likelihoods([name]))
