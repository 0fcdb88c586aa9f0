"""A sidecar as it runs in a pod: flags from a file that changes, and events passed on to a host that has its moods."""

from __future__ import annotations

import base64
import gzip
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import urllib3

from coinslot.ports import free_port
from coinslot.settings import Settings
from tests.canned import Answer, Canned, canned
from tests.pipeline import Pipeline, until

ANALYTICS = "/v0/analytics"
TOKEN, WRITE = "an-admin-token-0123456789", "a-write-token-0123456789"
SPECS = {"featureSpecs": [{"name": "on", "boolean": True}]}
BUDGET_S = 1.0
THREADS = 8

EVENT = {"event_name": "visit", "user_id": "ann", "namespace": "shop", "value": 1.5, "ensure_goal": True}
LATER = {"event_name": "pay", "user_id": "bob", "datetime": "2026-01-05T12:00:00+01:00"}
BODIES = [EVENT, [EVENT, LATER], {"events": [EVENT, LATER]}]

TAKEN = Answer(status=204)
BROKEN = Answer(status=0, then="break")
HUNG = Answer(status=0, then="silence")
BUSY = Answer(b'{"error": {"what": "full"}}', 503)


@pytest.fixture(scope="module")
def host() -> Iterator[Canned]:
    """Where the sidecar sends events; it answers as the test before it says."""
    with canned() as host:
        yield host


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("features") / "data"


@pytest.fixture(scope="module")
def nothing() -> Iterator[socket.socket]:
    """Where a sidecar would find Redis and MongoDB if it looked for them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


def settings(host: str, file: Path, nothing: int, **more: str) -> dict[str, str]:
    return {
        "FEATURES_MODE": "sidecar",
        "FEATURES_FILE": str(file),
        "ANALYTICS_HOST": host,
        "ANALYTICS_TIMEOUT_S": str(BUDGET_S),
        "REDIS_URL": f"redis://127.0.0.1:{nothing}/0",
        "MONGODB_URL": f"mongodb://127.0.0.1:{nothing}/",
        **more,
    }


@pytest.fixture(scope="module")
def running(
    host: Canned, file: Path, nothing: socket.socket, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pipeline]:
    limits = {"THREADS": str(THREADS), "MAX_BODY_BYTES": "2048"}
    environment = settings(host.url.removeprefix("http://"), file, nothing.getsockname()[1], **limits)
    with Pipeline(tmp_path_factory.mktemp("sidecar"), environment, workers=0) as running:
        yield running


@pytest.fixture
def sidecar(running: Pipeline, host: Canned, file: Path) -> Pipeline:
    """With one flag, and a host that has not been asked anything."""
    file.write_text(json.dumps(SPECS))
    host.answers.clear()
    host.requests.clear()
    return running


def get(sidecar: Pipeline, path: str, **headers: str) -> urllib3.BaseHTTPResponse:
    return sidecar.http.request("GET", f"{sidecar.url}{path}", headers=headers)


def post(sidecar: Pipeline, body: Any, path: str = ANALYTICS, **headers: str) -> urllib3.BaseHTTPResponse:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
    return sidecar.http.request("POST", f"{sidecar.url}{path}", body=content, headers=sent)


def b64(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def features(sidecar: Pipeline) -> dict[str, bool]:
    told: dict[str, bool] = get(sidecar, "/v0/features").json()["features"]
    return told


# Flags


def test_flags_and_specs_are_those_of_the_file_while_it_changes(sidecar: Pipeline, file: Path) -> None:
    assert features(sidecar) == {"on": True}
    assert get(sidecar, "/v0/featureSpecs").json() == SPECS

    new = file.with_name("new")
    new.write_text('{"featureSpecs": [{"name": "off"}, {"name": "another", "boolean": true}]}')
    new.rename(file)
    changed = features(sidecar)
    file.write_text("{")
    bad = features(sidecar)
    file.unlink()

    assert changed == bad == {"off": False, "another": True}
    assert features(sidecar) == {}


def test_objects_are_taken_and_refused_as_api_does(sidecar: Pipeline, file: Path) -> None:
    condition = {"property": "plan", "comparator": "in", "value": ["pro"]}
    file.write_text(json.dumps({"featureSpecs": [{"name": "pros", "user": [condition]}]}))

    told = get(sidecar, f"/v0/features?user_obj={b64({'plan': 'pro'})}")
    refused = get(sidecar, "/v0/features?context_obj=!")

    assert told.json() == {"features": {"pros": True}}
    assert (refused.status, refused.json()) == (400, {"error": {"what": "context_obj is not base64"}})


def test_a_request_of_a_user_for_a_feature_is_passed_on_as_an_event(sidecar: Pipeline, host: Canned) -> None:
    host.answers += [BUSY, TAKEN]

    get(sidecar, f"/v0/features?user_obj={b64({'user_id': 'ann'})}&context_obj={b64({'feature': 'on'})}")

    until(lambda: len(host.requests) == 2)
    for request in host.requests:  # the second for the sake of the first
        assert (request.method, request.path) == ("POST", ANALYTICS)
        assert request.headers["content-type"] == "application/json"
        assert json.loads(request.body) == [{"event_name": "on", "user_id": "ann"}]


# Events


@pytest.mark.parametrize("body", BODIES, ids=["one", "an array", "events"])
def test_events_are_passed_on_as_they_are_and_the_answer_comes_back(sidecar: Pipeline, host: Canned, body: Any) -> None:
    host.answers += [TAKEN]

    answer = post(sidecar, body, Authorization=f"Bearer {TOKEN}")

    assert (answer.status, answer.data) == (204, b"")
    assert "Content-Type" not in answer.headers
    [request] = host.requests
    assert (request.method, request.path, json.loads(request.body)) == ("POST", ANALYTICS, body)
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"


def test_what_stands_behind_the_path_is_passed_on(sidecar: Pipeline, host: Canned) -> None:
    host.answers += [TAKEN]

    assert post(sidecar, EVENT, f"{ANALYTICS}?on_error=skip&a=%26").status == 204

    assert host.requests[0].query == {"on_error": "skip", "a": "&"}


def test_a_compressed_body_is_passed_on_compressed(sidecar: Pipeline, host: Canned) -> None:
    host.answers += [TAKEN]
    body = gzip.compress(json.dumps(BODIES[1]).encode())

    assert post(sidecar, body, Content_Encoding="gzip").status == 204

    assert host.requests[0].body == body
    assert host.requests[0].headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (400, b'{"error": {"what": "2 events are bad", "events": [{"index": 1, "reason": "no user_id"}]}}', {}),
        (401, b'{"error": {"what": "no token"}}', {"WWW-Authenticate": "Bearer"}),
        (415, b'{"error": {"what": "not JSON"}}', {}),
        (500, b"<p>oh</p>", {"Content-Type": "text/html"}),
        (503, b'{"error": {"what": "full"}}', {"Retry-After": "30"}),  # longer than there is time
    ],
)
def test_what_the_host_says_comes_back_as_it_is(
    sidecar: Pipeline, host: Canned, status: int, body: bytes, headers: dict[str, str]
) -> None:
    host.answers += [Answer(body, status, {"Content-Type": "application/json", **headers})]

    answer = post(sidecar, EVENT)

    assert (answer.status, answer.data, len(host.requests)) == (status, body, 1)
    assert {name: answer.headers[name] for name in headers} == headers


@pytest.mark.parametrize("trouble", [BUSY, BROKEN, HUNG, Answer(status=429), Answer(status=502)], ids=str)
def test_a_host_in_trouble_is_asked_again(sidecar: Pipeline, host: Canned, trouble: Answer) -> None:
    host.answers += [trouble, TAKEN]

    answer = post(sidecar, BODIES[1])

    assert answer.status == 204
    assert [json.loads(request.body) for request in host.requests] == [BODIES[1]] * 2


def test_a_host_that_hangs_holds_up_neither_the_poster_for_ever_nor_flags(sidecar: Pipeline, host: Canned) -> None:
    host.answers += [HUNG] * 100

    with ThreadPoolExecutor(THREADS) as many:
        posts = [many.submit(post, sidecar, EVENT) for _ in range(THREADS)]
        until(lambda: host.requests)
        told = features(sidecar)
        answers = [sent.result() for sent in posts]

    assert told == {"on": True}
    assert {answer.status for answer in answers} == {503}
    assert all(answer.headers["Retry-After"] == "1" for answer in answers)
    reasons = {answer.json()["error"]["what"] for answer in answers}
    assert reasons == {
        f"the analytics host did not answer within {BUDGET_S:g} s",
        f"{THREADS // 2} POSTs are on their way to the analytics host",
    }


@pytest.mark.parametrize(
    ("size", "status", "what"), [(2048, 204, b""), (2049, 413, b"of 2049 bytes; the limit is 2048")]
)
def test_a_body_that_is_too_large_is_not_passed_on(
    sidecar: Pipeline, host: Canned, size: int, status: int, what: bytes
) -> None:
    host.answers += [TAKEN]

    answer = post(sidecar, json.dumps(EVENT).encode().ljust(size))

    assert answer.status == status
    assert what in answer.data
    assert len(host.requests) == (status == 204)


def test_a_body_of_unknown_length_is_refused(sidecar: Pipeline, host: Canned) -> None:
    answer = sidecar.http.request("POST", f"{sidecar.url}{ANALYTICS}", body=iter([b"{}"]), chunked=True)

    assert answer.status == 411
    assert host.requests == []


# What a sidecar does not do


@pytest.mark.parametrize(
    "path",
    [
        ANALYTICS,
        f"{ANALYTICS}?namespace=default",
        "/v0/goals",
        "/v0/namespaces",
        "/v0/predictions",
        "/v0/nudges?user_id=ann&goal=pay",
        "/wsapi/interaction_data",
        "/audit",
    ],
)
def test_there_is_nothing_to_read(sidecar: Pipeline, path: str) -> None:
    answer = get(sidecar, path)

    assert answer.status == 404
    assert answer.json()["error"]["what"]


def test_flags_are_not_set_here(sidecar: Pipeline) -> None:
    answer = post(sidecar, SPECS, "/v0/featureSpecs")

    assert answer.status == 405
    assert {method.strip() for method in answer.headers["Allow"].split(",")} == {"GET", "HEAD", "OPTIONS"}
    assert answer.json()["error"]["what"]


def test_neither_redis_nor_mongodb_is_looked_for(sidecar: Pipeline, nothing: socket.socket) -> None:
    assert features(sidecar) == {"on": True}
    assert get(sidecar, "/ready").json() == {"ready": True, "checks": {"features": "ok"}}

    with pytest.raises(BlockingIOError):
        nothing.accept()


# Starting


def test_one_that_asks_for_tokens_asks_for_them_and_counts_with_its_own(host: Canned, tmp_path: Path) -> None:
    tokens = {"ADMIN_TOKENS": TOKEN, "WRITE_TOKENS": WRITE}
    asked = f"/v0/features?user_obj={b64({'user_id': 'ann'})}&context_obj={b64({'feature': 'on'})}"
    host.answers[:], host.requests[:] = [TAKEN], []

    with Pipeline(tmp_path, settings(host.url, tmp_path / "none", 1, **tokens), workers=0) as sidecar:
        open_to_all = [get(sidecar, path).status for path in ("/alive", "/ready")]
        without = get(sidecar, asked)
        with_it = get(sidecar, asked, Authorization=f"Bearer {TOKEN}")
        until(lambda: host.requests)

    assert open_to_all == [200, 200]
    assert without.status == 401
    assert b"Missing or invalid authorization header" in without.data
    assert (with_it.status, with_it.json()) == (200, {"features": {}})
    assert host.requests[0].headers["authorization"] == f"Bearer {WRITE}"


def test_with_a_host_that_is_away_and_a_bad_file_it_starts_and_says_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_text("{")

    with Pipeline(tmp_path, settings(f"127.0.0.1:{free_port()}", file, 1), workers=0) as sidecar:
        before = get(sidecar, "/ready")
        answer = post(sidecar, EVENT)
        file.write_text(json.dumps(SPECS))
        after = get(sidecar, "/ready")

    assert (before.status, after.status) == (503, 200)
    assert "the log says why" in before.json()["checks"]["features"]
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    log = (tmp_path / "front.log").read_text()
    assert str(file) in log
    assert "cannot be reached" in log


@pytest.mark.parametrize("module", ["front", "sidecar"])
def test_what_cannot_be_a_sidecar_does_not_start(module: str, tmp_path: Path) -> None:
    ours = {name.upper() for name in Settings.model_fields}
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    environment = {**inherited, **settings("ftp://host", tmp_path, 1), "PORT": str(free_port())}

    ended = subprocess.run([sys.executable, "-m", module], env=environment, capture_output=True, text=True, timeout=30)

    assert ended.returncode == 2
    assert ended.stderr == "coinslot: ANALYTICS_HOST: 'ftp://host' is not an http:// or https:// URL\n"
