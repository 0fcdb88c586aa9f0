"""What the contract has around events: ping, the first page, limits, health that tells the truth, CORS, errors."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import urllib3

from coinslot.ports import free_port
from coinslot.stack.servers import RedisServer
from tests.pipeline import PATH, Pipeline, until
from tests.wire import Stream

OURS, THEIRS = "https://ours.example", "https://theirs.example"

EVENT = b'{"timestamp": 1}'


@pytest.fixture(params=["front", "api"])
def base(stack: Pipeline, request: pytest.FixtureRequest) -> str:
    return stack.url if request.param == "front" else stack.api_url


def ask(url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> urllib3.BaseHTTPResponse:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return urllib3.request(method, url, body=body, headers=fields, retries=False, timeout=10)


# Small things


def test_ping_answers_pong(base: str) -> None:
    response = ask(f"{base}/wsapi/ping")

    assert (response.status, response.data) == (200, b"pong")


def test_the_first_page_explains_every_route(base: str) -> None:
    response = ask(f"{base}/")

    page = response.data.decode()
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/html")
    for route in ("", "/count", "/last", "/stream"):
        assert f"GET {PATH}{route}<" in page
    for route in (f"POST {PATH}", "/wsapi/ping", "/limits", "/openapi.json", "/alive", "/ready"):
        assert route in page, route


def test_limits_are_told_and_are_those_that_hold(stack: Pipeline, base: str) -> None:
    limits = ask(f"{base}/limits").json()

    assert {"gzip", "zstd"} == set(limits["content_encodings"])
    assert all(stack.post(b"[]", media).status != 415 for media in limits["content_types"])
    assert stack.post(b"[]", "text/csv").status == 415
    assert stack.get(f"?limit={limits['max_page_events']}").status == 200
    assert stack.get(f"?limit={limits['max_page_events'] + 1}").status == 400
    fits, exceeds = ({"_id": "x" * length, "timestamp": 1} for length in (128, limits["max_id_characters"] + 1))
    assert stack.post(json.dumps(fits).encode()).status == 201
    assert stack.post(json.dumps(exceeds).encode()).status == 400
    event = json.dumps({"timestamp": 1, "text": ""})
    fits, exceeds = (event.replace('""', f'"{"x" * (limits["max_event_bytes"] - len(event) + n)}"') for n in (0, 1))
    assert stack.post(fits.encode()).status == 201
    assert stack.post(exceeds.encode()).status == 413


def test_a_route_that_is_not_there_is_404_in_json(base: str) -> None:
    for method in ("GET", "DELETE"):
        response = ask(f"{base}/wsapi/nothing", method)

        assert response.status == 404
        assert response.json()["error"]["what"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_a_method_that_is_not_meant_is_405_in_json(base: str, method: str) -> None:
    response = ask(f"{base}{PATH}", method)

    assert response.status == 405
    assert allowed(response) == {"GET", "HEAD", "OPTIONS", "POST"}
    assert response.json()["error"]["what"]


@pytest.mark.parametrize("path", [f"{PATH}/count", f"{PATH}/last", f"{PATH}/stream", "/wsapi/ping", "/", "/limits"])
def test_a_post_to_what_can_only_be_got_is_405(base: str, path: str) -> None:
    response = ask(f"{base}{path}", "POST", b"{}")

    assert response.status == 405
    assert allowed(response) == {"GET", "HEAD", "OPTIONS"}


def allowed(response: urllib3.BaseHTTPResponse) -> set[str]:
    return set(response.headers["Allow"].split(", "))


@pytest.mark.parametrize("path", [PATH, f"{PATH}/count", f"{PATH}/stream", "/wsapi/ping", "/ready"])
def test_head_is_get_without_a_body(base: str, path: str) -> None:
    response = ask(f"{base}{path}", "HEAD")

    assert (response.status, response.data) == (200, b"")


# Health


def test_a_coinslot_in_order_is_alive_and_ready(base: str) -> None:
    alive, ready = ask(f"{base}/alive"), ask(f"{base}/ready")

    assert (alive.status, alive.json()) == (200, {"alive": True})
    assert ready.status == 200
    assert ready.json() == {
        "ready": True,
        "checks": {"queue": "ok", "store": "ok", "freshness": "ok", "dead_letters": "ok"},
    }


def test_while_the_queue_is_down_it_is_not_ready_and_while_events_wait_too_long_neither(
    redis_of_its_own: RedisServer, tmp_path: Path
) -> None:
    environment = {"REDIS_URL": redis_of_its_own.url, "DB_BACKEND": "sqlite", "READY_MAX_AGE_S": "0.5"}
    pipeline = Pipeline(tmp_path, environment, workers=0, api=True).start()
    worker = pipeline.process("worker")
    ready = [f"{pipeline.url}/ready", f"{pipeline.api_url}/ready"]
    try:
        assert [ask(url).status for url in ready] == [200, 200]

        pipeline.post(EVENT)
        until(lambda: ask(ready[0]).status == 503, what="an event has waited too long")
        told = [ask(url) for url in ready]
        assert [answer.status for answer in told] == [503, 503]
        for answer in told:
            checks = answer.json()["checks"]
            assert checks.pop("freshness").startswith("the oldest event in the queue of events has waited for ")
            assert answer.json()["ready"] is False
            assert checks == {"queue": "ok", "store": "ok", "dead_letters": "ok"}

        worker.start()
        until(lambda: [ask(url).status for url in ready] == [200, 200], what="the event is stored")

        redis_of_its_own.kill()
        told = [ask(url) for url in ready]
        refused = pipeline.post(EVENT)
        with Stream(pipeline.url) as on_front, Stream(pipeline.api_url) as on_api:
            assert [on_front.status, on_api.status] == [503, 503]
        assert [answer.status for answer in told] == [503, 503]
        away = "The queue cannot be reached, or refuses what it is given; try again later."
        checks = {"queue": away, "store": "ok", "freshness": away, "dead_letters": away}
        assert [answer.json()["checks"] for answer in told] == [checks] * 2
        address = redis_of_its_own.url.split("/")[2]
        assert all(f"not ready: {check}: " in pipeline.logs() for check in ("queue", "freshness", "dead_letters"))
        assert address in pipeline.logs()
        assert refused.status == 503
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert [ask(url.replace("ready", "alive")).status for url in ready] == [200, 200]
        assert [ask(f"{base}{PATH}/count").data for base in (pipeline.url, pipeline.api_url)] == [b"1", b"1"]

        redis_of_its_own.start()
        redis_of_its_own.wait_ready()
        until(lambda: [ask(url).status for url in ready] == [200, 200], what="ready again")
        until(lambda: pipeline.post(EVENT).status == 201, what="taking events again")
    finally:
        worker.stop()
        pipeline.stop()


def test_while_the_store_is_down_it_is_not_ready_and_takes_events_all_the_same(
    redis_url: str, prefix: str, tmp_path: Path
) -> None:
    nobody = f"mongodb://127.0.0.1:{free_port()}/"
    environment = {"REDIS_URL": redis_url, "MONGODB_URL": nobody, "DB_NAME": prefix, "KEY_PREFIX": prefix}
    pipeline = Pipeline(tmp_path, environment, workers=0).start()
    try:
        with ThreadPoolExecutor(2) as threads:  # each waits for a server to come into sight
            asked = threads.submit(ask, f"{pipeline.url}/ready"), threads.submit(pipeline.get, "/count")
            posted = pipeline.post(EVENT)
            ready, unread = (each.result(10) for each in asked)

        assert ready.status == 503
        away = "The store cannot be reached, or refuses what it is asked; try again later."
        assert ready.json()["checks"] == {"queue": "ok", "store": away, "freshness": "ok", "dead_letters": "ok"}
        assert f"not ready: store: MongoDB: {nobody.split('/')[2]}: " in pipeline.logs()
        assert ask(f"{pipeline.url}/alive").status == 200
        assert unread.status == 503
        assert unread.headers["Retry-After"] == "1"
        assert unread.json()["error"]["what"].startswith("MongoDB: ")
        assert posted.status == 201
    finally:
        pipeline.stop()


# CORS


@pytest.fixture(scope="module")
def called(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A Coinslot that pages of OURS may call."""
    environment = {"REDIS_URL": redis_url, "DB_BACKEND": "sqlite", "CORS_ORIGINS": f"https://other.example,{OURS}"}
    environment["KEY_PREFIX"] = f"test-{uuid.uuid4().hex[:12]}"
    pipeline = Pipeline(tmp_path_factory.mktemp("called"), environment, api=True).start()
    yield pipeline
    pipeline.stop()


@pytest.fixture(params=["front", "api"])
def called_base(called: Pipeline, request: pytest.FixtureRequest) -> str:
    return called.url if request.param == "front" else called.api_url


def test_a_page_of_an_allowed_origin_may_post_and_read(called: Pipeline) -> None:
    posted = called.post(EVENT, Origin=OURS)
    refused = called.post(b"nonsense", Origin=OURS)

    for answer, status in ((posted, 201), (refused, 400)):
        assert answer.status == status
        assert answer.headers["Access-Control-Allow-Origin"] == OURS
        assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
        assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize("path", [PATH, f"{PATH}/count", "/wsapi/ping", "/nothing"])
def test_so_it_is_on_the_other_routes(called_base: str, path: str) -> None:
    answer = ask(f"{called_base}{path}", Origin=OURS)

    assert answer.headers["Access-Control-Allow-Origin"] == OURS
    assert "Link" in answer.headers["Access-Control-Expose-Headers"]


def test_so_it_is_on_the_stream(called_base: str) -> None:
    with Stream(called_base, Origin=OURS) as ours, Stream(called_base, Origin=THEIRS) as theirs:
        assert ours.headers["Access-Control-Allow-Origin"] == OURS
        assert "Access-Control-Allow-Origin" not in theirs.headers


@pytest.mark.parametrize("path", [PATH, f"{PATH}/stream"])
def test_a_preflight_of_an_allowed_origin_gets_leave(called_base: str, path: str) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    answer = ask(f"{called_base}{path}", "OPTIONS", Origin=OURS, **asked)

    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == OURS
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Content-Type" in answer.headers["Access-Control-Allow-Headers"]


def test_a_page_may_drop_a_dead_letter_and_what_cannot_be_deleted_is_405_all_the_same(called_base: str) -> None:
    letter, asked = f"{called_base}/dead-letters/1700000000000-0", {"Access-Control-Request-Method": "DELETE"}

    preflight = ask(letter, "OPTIONS", Origin=OURS, **asked)
    answers = [ask(url, "DELETE", Origin=OURS) for url in (letter, f"{called_base}{PATH}")]

    assert preflight.headers["Access-Control-Allow-Origin"] == OURS
    assert "DELETE" in preflight.headers["Access-Control-Allow-Methods"].split(", ")
    assert [(answer.status, answer.headers["Access-Control-Allow-Origin"]) for answer in answers] == [
        (404, OURS),
        (405, OURS),
    ]


def test_a_page_of_another_origin_gets_none(called: Pipeline, called_base: str) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    answers = [
        ask(f"{called_base}{PATH}", "OPTIONS", Origin=THEIRS, **asked),
        ask(f"{called_base}{PATH}", Origin=THEIRS),
        ask(f"{called_base}{PATH}"),
        called.post(EVENT, Origin=THEIRS),
    ]

    assert [name for answer in answers for name in answer.headers if name.lower().startswith("access-control")] == []


def test_by_default_no_origin_gets_leave(stack: Pipeline, base: str) -> None:
    asked = {"Access-Control-Request-Method": "POST"}
    answers = [
        ask(f"{base}{PATH}", "OPTIONS", Origin=OURS, **asked),
        ask(f"{base}{PATH}", Origin=OURS),
        stack.post(EVENT, Origin=OURS),
    ]

    assert [name for answer in answers for name in answer.headers if name.lower().startswith("access-control")] == []
