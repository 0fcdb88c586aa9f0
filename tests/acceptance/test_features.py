"""Feature flags over real HTTP: set in one process, answered in another, and counted on the way."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from coinslot import redisclient
from coinslot.keys import Keys
from coinslot.stack.servers import RedisServer
from tests.pipeline import Pipeline, until

SPECS = {
    "featureSpecs": [
        {"name": "everybody", "boolean": True, "note": "kept"},
        {"name": "pros", "user": [{"property": "plan", "comparator": "=", "value": "pro"}]},
        {"name": "past", "rollout_start": "2020-01-01T00:00:00Z", "rollout_end": "2020-02-01T00:00:00Z"},
        {"name": "future", "rollout_start": "2999-01-01T00:00:00Z", "rollout_end": "2999-02-01T00:00:00Z"},
    ]
}


@pytest.fixture(scope="module")
def pipeline(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """Front and api, and no worker that would take out of the queue what is counted."""
    environment = {"REDIS_URL": redis_url, "KEY_PREFIX": f"test-{uuid.uuid4().hex[:12]}", "DB_BACKEND": "memory"}
    with Pipeline(tmp_path_factory.mktemp("features"), environment, workers=0, api=True) as pipeline:
        yield pipeline


def b64(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def post(pipeline: Pipeline, body: bytes, media: str = "application/json") -> urllib3.BaseHTTPResponse:
    return pipeline.http.request("POST", f"{pipeline.url}/v0/featureSpecs", body=body, headers={"Content-Type": media})


def get(url: str, pipeline: Pipeline) -> Any:
    answer = pipeline.http.request("GET", url)
    assert answer.status == 200, answer.data
    return answer.json()


def queued(pipeline: Pipeline) -> list[Any]:
    """The analytic events that wait to be counted."""
    key = Keys.of(pipeline.environment["KEY_PREFIX"]).analytics
    with redisclient.connect(pipeline.environment["REDIS_URL"], timeout_s=5) as redis:
        messages = [b"".join(fields.values()) for _, fields in redis.xrange(key)]  # type: ignore[misc, union-attr]
    return [
        event for message in messages for event in json.loads(message[message.index(b"[{") : message.rindex(b"]") + 1])
    ]


def test_what_is_set_is_answered_by_every_process(pipeline: Pipeline) -> None:
    assert (answer := post(pipeline, json.dumps(SPECS).encode())).status == 204
    assert answer.data == b""

    for url in (pipeline.url, pipeline.api_url):
        assert get(f"{url}/v0/featureSpecs", pipeline) == SPECS
        told = get(f"{url}/v0/features?user_obj={b64({'plan': 'pro'})}", pipeline)
        assert told == {"features": {"everybody": True, "pros": True, "past": True, "future": False}}


def test_the_list_is_the_whole_truth(pipeline: Pipeline) -> None:
    post(pipeline, json.dumps(SPECS).encode())

    assert post(pipeline, b'{"featureSpecs": [{"name": "alone"}]}').status == 204

    assert get(f"{pipeline.api_url}/v0/features", pipeline) == {"features": {"alone": False}}
    assert post(pipeline, b'{"featureSpecs": []}').status == 204
    assert get(f"{pipeline.api_url}/v0/featureSpecs", pipeline) == {"featureSpecs": []}


@pytest.mark.parametrize(
    ("body", "media", "status", "what"),
    [
        (b'{"featureSpecs": []}', "text/plain", 415, "application/json"),
        (b'{"featureSpecs": []}', "", 415, "application/json"),
        (b"[]", "application/json", 400, "featureSpecs"),
        (b'{"featureSpecs": [{}]}', "application/json", 400, "$.featureSpecs[0]"),
        (
            b'{"featureSpecs": [{"name": "x", "rollout_start": "2020-01-01T00:00:00Z"}]}',
            "application/json",
            400,
            "rollout_start without a rollout_end",
        ),
        (b'{"featureSpecs": []}' + b" " * 512 * 1024, "application/json", 413, ""),
    ],
    ids=["text", "no type", "an array", "no name", "no end", "too large"],
)
def test_what_is_bad_is_refused_and_changes_nothing(
    pipeline: Pipeline, body: bytes, media: str, status: int, what: str
) -> None:
    post(pipeline, json.dumps(SPECS).encode())

    answer = post(pipeline, body, media)

    assert answer.status == status
    assert what in answer.json()["error"]["what"]
    assert get(f"{pipeline.url}/v0/featureSpecs", pipeline) == SPECS


def test_a_charset_beside_the_content_type_is_no_other_type(pipeline: Pipeline) -> None:
    assert post(pipeline, b'{"featureSpecs": []}', "application/json; charset=utf-8").status == 204


@pytest.mark.parametrize("name", ["user_obj", "context_obj"])
def test_an_object_that_is_bad_is_named(pipeline: Pipeline, name: str) -> None:
    answer = pipeline.http.request("GET", f"{pipeline.url}/v0/features?{name}=!")

    assert answer.status == 400
    assert answer.json() == {"error": {"what": f"{name} is not base64"}}


def test_a_request_of_a_user_for_a_feature_waits_to_be_counted(pipeline: Pipeline) -> None:
    user, context = b64({"user_id": "ann"}), b64({"feature": "pros"})

    for url in (pipeline.url, pipeline.api_url):
        get(f"{url}/v0/features?user_obj={user}&context_obj={context}", pipeline)
    get(f"{pipeline.url}/v0/features?user_obj={user}", pipeline)

    until(lambda: len(queued(pipeline)) == 2)
    assert queued(pipeline) == [{"event_name": "pros", "user_id": "ann"}] * 2


def test_while_redis_is_away_it_is_503_and_then_all_is_as_it_was(redis_of_its_own: RedisServer, tmp_path: Path) -> None:
    environment = {"REDIS_URL": redis_of_its_own.url, "DB_BACKEND": "memory"}
    with Pipeline(tmp_path, environment, workers=0) as pipeline:
        post(pipeline, json.dumps(SPECS).encode())

        redis_of_its_own.kill()
        asked = pipeline.http.request("GET", f"{pipeline.url}/v0/features")
        sent = post(pipeline, b'{"featureSpecs": []}')
        redis_of_its_own.start()
        redis_of_its_own.wait_ready()

        assert (asked.status, sent.status) == (503, 503)
        assert "Retry-After" in asked.headers
        until(lambda: pipeline.answers("/v0/features"))
        assert get(f"{pipeline.url}/v0/featureSpecs", pipeline) == SPECS
