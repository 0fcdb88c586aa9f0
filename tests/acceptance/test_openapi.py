"""A running Coinslot answers what its OpenAPI document tells of: each answer in it occurs, and none besides."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import urllib3
from jsonschema import ValidationError

from coinslot import redisclient
from coinslot.keys import Keys
from coinslot.media import JSON, NDJSON
from coinslot.ports import free_port
from tests.openapi.asked import ANALYTICS, EMPTY, LETTER, LOST, USUAL, Ask
from tests.openapi.judge import Judge, Told
from tests.pipeline import PATH, Pipeline, until
from tests.wire import Stream, events

READ, WRITE, ADMIN = (f"{kind}-token-{uuid.uuid4().hex}" for kind in ("read", "write", "admin"))
TOKENS = {"READ_TOKENS": READ, "WRITE_TOKENS": WRITE, "ADMIN_TOKENS": ADMIN}
OTHER = {"read": WRITE, "write": READ, "admin": READ}  # a token of another kind than the one needed
SSE = "text/event-stream"
SMALL = {"MAX_BODY_BYTES": "2048", "MAX_EVENTS_PER_POST": "3"}


@pytest.fixture(scope="module")
def guarded(redis_url: str, mongodb_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A Coinslot that asks for tokens, takes little at once, and holds an event whose `_id` is known."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    environment = {"REDIS_URL": redis_url, "MONGODB_URL": mongodb_url, "DB_NAME": name, "KEY_PREFIX": name}
    folder = tmp_path_factory.mktemp("guarded")
    with Pipeline(folder, {**environment, **TOKENS, **SMALL}, api=True, token=ADMIN) as pipeline:
        pipeline.send([{"_id": "known", "timestamp": 1}, {"timestamp": 2.5}])
        pipeline.wait_settled()
        yield pipeline


@pytest.fixture(scope="module")
def document(guarded: Pipeline) -> dict[str, Any]:
    described: dict[str, Any] = guarded.http.request("GET", f"{guarded.url}/openapi.json").json()
    return described


@pytest.fixture(scope="module")
def judge(document: dict[str, Any]) -> Judge:
    return Judge(document)


def ask(pipeline: Pipeline, asked: Ask, token: str = "", base: str = "") -> urllib3.BaseHTTPResponse:
    headers = {**asked.headers, **({"Authorization": f"Bearer {token}"} if token else {})}
    url = f"{base or pipeline.url}{asked.path}"
    return pipeline.http.request(asked.method, url, body=asked.body, headers=headers)


def bases(pipeline: Pipeline, asked: Ask) -> list[str]:
    """Where it is answered: at the front, and by api with its lane if it is not ingest's."""
    is_ingests = asked.method == "POST" and asked.template in (PATH, ANALYTICS)
    return [pipeline.url] if is_ingests else [pipeline.url, pipeline.api_url]


def expected(document: dict[str, Any], asked: Ask) -> Told:
    operation = document["paths"][asked.template][asked.method.lower()]
    return Told(operation["operationId"], asked.status, asked.media)


def named(asked: Ask) -> str:
    return f"{asked.status} {asked.method} {asked.path}"


def guarded_operations(document: dict[str, Any]) -> list[tuple[Ask, str]]:
    """A request for each operation that needs a token, and the kind that it needs."""
    return [
        (Ask(401, JSON, method.upper(), template, template.format(id="1-0")), operation["security"][0]["token"][0])
        for template, path in document["paths"].items()
        for method, operation in path.items()
        if operation["security"]
    ]


def test_each_answer_that_it_tells_of_is_asked_for_below(document: dict[str, Any], judge: Judge) -> None:
    asked = {expected(document, each) for each in [*USUAL, *EMPTY, *LOST]}
    denied = {
        expected(document, each._replace(status=status))
        for each, _ in guarded_operations(document)
        for status in (401, 403, 429)
    }
    letters = {Told(f"{what}DeadLetter", 200, JSON) for what in ("show", "replay", "drop")}
    followed = {Told("follow", 200, media) for media in (JSON, SSE)}

    assert asked | denied | letters | followed == judge.told()


@pytest.mark.parametrize("asked", USUAL, ids=named)
def test_what_is_asked_is_answered_as_it_tells(
    guarded: Pipeline, document: dict[str, Any], judge: Judge, asked: Ask
) -> None:
    answers = [ask(guarded, asked, ADMIN, base) for base in bases(guarded, asked)]

    for answer in answers:
        assert judge.check(asked.method, asked.template, answer) == expected(document, asked)


def test_who_may_not_ask_is_answered_as_it_tells(guarded: Pipeline, document: dict[str, Any], judge: Judge) -> None:
    for asked, kind in guarded_operations(document):
        for base in (guarded.url, guarded.api_url):
            statuses = [
                judge.check(asked.method, asked.template, ask(guarded, asked, token, base)).status
                for token in ("", OTHER[kind])
            ]

            assert statuses == [401, 403]


def test_dead_letters_are_answered_as_it_tells(guarded: Pipeline, judge: Judge) -> None:
    environment = guarded.environment
    with redisclient.connect(environment["REDIS_URL"], timeout_s=5) as redis:
        for body in (b"no events", b"\xff\xfe", b"nothing"):
            redis.xadd(Keys.of(environment["KEY_PREFIX"]).queue, {"body": body})
    until(lambda: guarded.audit()["dead_letters"] == 3, what="dead")

    page = ask(guarded, Ask(200, JSON, "GET", "/dead-letters", "/dead-letters?limit=2"), ADMIN)
    judge.check("GET", "/dead-letters", page)
    one, other = (letter["id"] for letter in page.json()["dead_letters"])
    for id, method, below in [(one, "GET", ""), (other, "GET", ""), (one, "POST", "/replay"), (other, "DELETE", "")]:
        answer = ask(guarded, Ask(200, JSON, method, "", f"/dead-letters/{id}{below}"), ADMIN)

        assert judge.check(method, LETTER + below, answer).status == 200


# Following


@pytest.mark.parametrize("side", ["url", "api_url"])
def test_lines_are_as_it_tells(guarded: Pipeline, judge: Judge, side: str) -> None:
    bearer = {"Authorization": f"Bearer {READ}"}
    with (
        Stream(getattr(guarded, side), "?after=1-0", **bearer) as changes,
        Stream(getattr(guarded, side), "?start=0", **bearer) as stored,
    ):
        lines = [json.loads(stream.line()) for stream in (changes, changes, stored)]

        assert changes.headers["Content-Type"] == JSON
        assert [set(line) for line in lines] == [{"gap"}, {"seq", "doc"}, {"doc"}]
        for line in lines:
            judge.check_value({"$ref": "#/components/schemas/Line"}, line)


@pytest.mark.parametrize("side", ["url", "api_url"])
def test_server_sent_events_are_as_it_tells(guarded: Pipeline, judge: Judge, side: str) -> None:
    bearer = {"Authorization": f"Bearer {READ}"}
    with (
        events(getattr(guarded, side), "?after=1-0", **bearer) as changes,
        events(getattr(guarded, side), "?start=0", **bearer) as stored,
    ):
        frames = [stream.frame() for stream in (changes, changes, changes, stored)]

        assert changes.headers["Content-Type"] == SSE
        assert [frame.event for frame in frames] == ["cursor", "gap", "message", "message"]
        for frame in frames:
            sent = {"event": frame.event, "id": frame.id, "data": json.dumps(frame.data)}
            fields = {name: value for name, value in sent.items() if value not in ("", "message")}
            judge.check_value({"$ref": "#/components/schemas/ServerSentEvent"}, fields)


# Where something is missing


@pytest.fixture(scope="module")
def limited(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A Coinslot that stores nothing yet, and lets each token ask once an hour."""
    environment = {"REDIS_URL": redis_url, "DB_BACKEND": "sqlite", "KEY_PREFIX": f"test-{uuid.uuid4().hex[:12]}"}
    folder = tmp_path_factory.mktemp("limited")
    with Pipeline(folder, {**environment, **TOKENS, "RATE_LIMIT": "1/hour"}) as pipeline:
        yield pipeline


def test_who_asks_too_often_is_answered_as_it_tells(limited: Pipeline, document: dict[str, Any], judge: Judge) -> None:
    first = ask(limited, EMPTY[0], ADMIN)

    assert judge.check("GET", EMPTY[0].template, first) == expected(document, EMPTY[0])
    assert first.headers["RateLimit-Limit"] == "1"
    for asked, _ in guarded_operations(document):
        assert judge.check(asked.method, asked.template, ask(limited, asked, ADMIN)).status == 429


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A Coinslot without Redis and MongoDB."""
    environment = {
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "MONGODB_URL": f"mongodb://127.0.0.1:{free_port()}/",
    }
    folder: Path = tmp_path_factory.mktemp("lost")
    with Pipeline(folder, environment, workers=0, api=True) as pipeline:
        yield pipeline


def test_what_is_out_of_reach_is_answered_as_it_tells(lost: Pipeline, document: dict[str, Any], judge: Judge) -> None:
    asked = [(each, base) for each in LOST for base in bases(lost, each)]

    with ThreadPoolExecutor(len(asked)) as threads:  # for each waits until its server is given up
        answers = list(threads.map(lambda each: ask(lost, each[0], base=each[1]), asked))

    for (each, _), answer in zip(asked, answers, strict=True):
        assert judge.check(each.method, each.template, answer) == expected(document, each)


# Positive control


def test_positive_control_a_document_that_lies_is_seen(guarded: Pipeline, document: dict[str, Any]) -> None:
    asked = next(each for each in USUAL if each.template == f"{PATH}/count" and each.status == 200)
    answer = ask(guarded, asked, ADMIN)
    count = document["paths"][asked.template]["get"]["responses"]["200"]
    lies: list[tuple[str, Any]] = [
        ("responses", {"204": count}),
        ("content", {NDJSON: count["content"][JSON]}),
        ("schema", {"type": "string"}),
        ("headers", {"X-Never": {"required": True, "schema": {}}}),
    ]

    for name, lie in lies:
        with pytest.raises((AssertionError, ValidationError)):
            Judge(with_lie(document, asked.template, name, lie)).check("GET", asked.template, answer)
    assert Judge(document).check("GET", asked.template, answer).status == 200


def with_lie(document: dict[str, Any], path: str, name: str, lie: Any) -> dict[str, Any]:
    """The document with one thing said otherwise of a GET of the path."""
    copy: dict[str, Any] = json.loads(json.dumps(document))
    operation = copy["paths"][path]["get"]
    ok = operation["responses"]["200"]
    {"responses": operation, "content": ok, "headers": ok, "schema": ok["content"][JSON]}[name][name] = lie
    return copy
