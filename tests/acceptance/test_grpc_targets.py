"""Targets by gRPC, beside a whole Coinslot: they are sent what is counted, and asked for predictions."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from coinslot.analytics.settings import Target
from tests.analytics.client import Client
from tests.pipeline import Pipeline, until
from tests.target import GrpcTarget, absent


def did(user: str, *names: str) -> list[dict[str, Any]]:
    return [{"event_name": name, "user_id": user} for name in names]


EVENTS = [*did("ann", "a", "goal"), *did("bob", "b", "a")]


@pytest.fixture(scope="module")
def crm() -> Iterator[GrpcTarget]:
    with GrpcTarget("crm") as target:
        target.predict(("goal", 0.75, 0.25), ("churn", 0.5, 0.5))
        yield target


@pytest.fixture(scope="module")
def client(crm: GrpcTarget, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Has counted EVENTS. Beside `crm` there is another target, where nobody listens."""
    targets = [crm.target, absent()]
    name = f"test-{uuid.uuid4().hex[:12]}"
    environment = {"REDIS_URL": redis_url, "DB_BACKEND": "sqlite", "KEY_PREFIX": name, "GRPC_TIMEOUT_S": "5"}
    environment |= dict.fromkeys(("EXTERNAL_GRPC_EVENT_TARGETS", "EXTERNAL_GRPC_PREDICTION_TARGETS"), listed(targets))
    with Pipeline(tmp_path_factory.mktemp("targets"), environment) as pipeline:
        client = Client(pipeline)
        client.make_goal("goal")
        client.count(EVENTS)
        yield client


def listed(targets: list[Target]) -> str:
    return json.dumps([target.model_dump() for target in targets])


def test_what_a_target_predicts_stands_beside_our_own(crm: GrpcTarget, client: Client) -> None:
    of_events = client.get("/v0/predictions", [("event", "a"), ("event", "b")])["goals"]
    of_user = client.get("/v0/predictions", [("user_id", "bob")])["goals"]
    of_all = client.get("/v0/predictions")["goals"]

    ours = {"yes": 0, "no": 1, "likelihood": 0}
    assert (
        of_events
        == of_user
        == {
            "goal": {**ours, "crm_yes": 0.75, "crm_no": 0.25},
            "churn": {"crm_yes": 0.5, "crm_no": 0.5},
        }
    )
    assert of_all.keys() == {"goal"}
    asked = [(each.namespace, each.user_id, list(each.event_names)) for each in crm.asked]
    assert asked == [("default", "", ["a", "b"]), ("default", "bob", ["a", "b"])]


def test_a_target_is_sent_what_is_counted_and_metrics_tell_so(crm: GrpcTarget, client: Client) -> None:
    assert crm.arrived(len(EVENTS)) == [("default", event["event_name"], event["user_id"]) for event in EVENTS]
    told = b'coinslot_grpc_events_sent_total{target="crm"} 4.0'
    until(lambda: told in client.ask("/metrics").data, timeout_s=20, what="told")
