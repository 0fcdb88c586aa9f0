"""POST /v0/analytics over HTTP: what is taken, what lies in its queue then, and what is refused."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import urllib3

from coinslot import redisclient
from coinslot.analytics.event import AnalyticEvent, decode_all
from coinslot.keys import Keys
from tests.pipeline import PATH, Pipeline, until
from tests.wire import exchange

ANALYTICS = "/v0/analytics"
JSON = "application/json"
READ, WRITE, ADMIN = (f"{kind}-token-{uuid.uuid4().hex}" for kind in ("read", "write", "admin"))
MISSING = "Missing or invalid authorization header"
MAX_BODY, MAX_EVENT, MAX_EVENTS = 2_048, 1_024, 5
ONE, TWO = b'{"event_name": "visit", "user_id": "ann"}', b'{"event_name":"buy","user_id":"bob","value":2}'
TOO_MUCH = gzip.compress(ONE.ljust(2_049), mtime=0)
VISIT, BUY = AnalyticEvent("visit", "ann"), AnalyticEvent("buy", "bob", value=2.0)


@pytest.fixture(scope="module")
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redisclient.connect(redis_url, timeout_s=5) as client:
        yield client


@pytest.fixture(scope="module")
def front(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """It takes little at once and asks for tokens, which stand in its file; nothing is counted."""
    folder = tmp_path_factory.mktemp("front")
    (folder / "coinslot.toml").write_text(
        f'write_tokens = ["{WRITE}"]\nread_tokens = ["{READ}"]\nadmin_tokens = ["{ADMIN}"]\n'
        f"max_body_bytes = {MAX_BODY}\nmax_event_bytes = 100_000\nmax_events_per_post = {MAX_EVENTS}\n"
    )
    environment = {
        "COINSLOT_CONFIG": str(folder / "coinslot.toml"),
        "MAX_EVENT_BYTES": str(MAX_EVENT),  # which stands over that of the file
        "REDIS_URL": redis_url,
        "KEY_PREFIX": f"test-{uuid.uuid4().hex[:12]}",
        "DB_BACKEND": "dummy",
    }
    with Pipeline(folder, environment, workers=0, token=ADMIN) as pipeline:
        yield pipeline


@pytest.fixture
def keys(front: Pipeline, client: redis.Redis) -> Iterator[Keys]:
    """Those of a queue that is empty."""
    keys = Keys.of(front.environment["KEY_PREFIX"])
    yield keys
    client.delete(keys.analytics)


def post(front: Pipeline, body: bytes, media: str = JSON, token: str = WRITE, **more: str) -> urllib3.BaseHTTPResponse:
    fields = {name.replace("_", "-"): value for name, value in more.items()}
    headers = {"Content-Type": media, **({"Authorization": f"Bearer {token}"} if token else {}), **fields}
    return front.http.request("POST", f"{front.url}{ANALYTICS}", body=body, headers=headers)


def queued(client: redis.Redis, keys: Keys) -> list[list[AnalyticEvent]]:
    """The events of each message."""
    entries: Any = client.xrange(keys.analytics)
    assert all(int(fields[b"events"]) == len(decode_all(fields[b"body"])) for _, fields in entries)
    return [decode_all(fields[b"body"]) for _, fields in entries]


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (ONE, [VISIT]),
        (b"\n [" + ONE + b",\r\n" + TWO + b"] ", [VISIT, BUY]),
        (b'{"events": [' + ONE + b"," + TWO + b"]}", [VISIT, BUY]),
        (b'{"source": "shop", "events" : [' + TWO + b"]}", [BUY]),
        (ONE[:-1] + b', "events": 1, "page": "/"}', [VISIT]),
        (ONE[:-1] + b', "value": null, "namespace": null}', [VISIT]),
    ],
    ids=["one", "an array", "a batch", "a batch with more", "one with more", "one with nulls"],
)
@pytest.mark.parametrize("media", [JSON, "application/json; charset=utf-8", "Application/JSON"])
def test_what_is_taken_lies_in_the_queue_in_one_message(
    front: Pipeline, client: redis.Redis, keys: Keys, body: bytes, media: str, events: list[AnalyticEvent]
) -> None:
    answer = post(front, body, media)

    assert (answer.status, answer.data) == (204, b"")
    assert queued(client, keys) == [events]


@pytest.mark.parametrize("size", [0, 1_000])
def test_it_may_come_packed(front: Pipeline, client: redis.Redis, keys: Keys, size: int) -> None:
    answer = post(front, gzip.compress(ONE.ljust(size), mtime=0), Content_Encoding="gzip")

    assert answer.status == 204
    assert queued(client, keys) == [[VISIT]]


@pytest.mark.parametrize("body", [b"[]", b'{"events": []}'])
def test_of_nothing_nothing_is_queued(front: Pipeline, client: redis.Redis, keys: Keys, body: bytes) -> None:
    assert post(front, body).status == 204
    assert queued(client, keys) == []


def test_the_answer_has_no_content_and_says_nothing_of_any(front: Pipeline, keys: Keys) -> None:
    head = f"POST {ANALYTICS} HTTP/1.1\r\nHost: t\r\nContent-Type: {JSON}\r\nAuthorization: Bearer {WRITE}\r\n"
    sent = f"{head}Content-Length: {len(ONE)}\r\n\r\n".encode() + ONE
    last = sent.replace(b"Host: t\r\n", b"Host: t\r\nConnection: close\r\n")

    for first in (sent, sent.replace(b"Host: t\r\n", b"Host: t\r\nExpect: 100-continue\r\n")):
        told = exchange(front.url, first + last).replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
        answers = told.split(b"\r\n\r\n")
        assert [answer.split(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 204 No Content"] * 2 + [b""]
        names = {line.split(b":")[0].lower() for answer in answers[:2] for line in answer.split(b"\r\n")[1:]}
        assert names == {b"date", b"connection"}


def test_the_queues_ledger_counts_what_was_accepted(front: Pipeline, client: redis.Redis, keys: Keys) -> None:
    def accepted() -> list[int]:
        ledgers = (keys.of_analytics().ledger, keys.ledger)
        return [int(client.hget(ledger, "accepted") or 0) for ledger in ledgers]  # type: ignore[arg-type]

    before = accepted()
    post(front, b"[" + ONE + b"," + TWO + b"]")

    assert accepted() == [before[0] + 2, before[1]]


NAME = "is not a string of 1 to 256 characters"
BAD = {
    "no JSON": (ONE[:-1], 400, "1 event was refused, nothing accepted", [(0, "Input data was truncated")]),
    "nothing": (b"", 400, "JSON text is empty", []),
    "an array without an end": (b"[" + ONE, 400, "Input data was truncated", []),
    "a batch that is none": (b'{"events": {}}', 400, "events is not an array", []),
    "a number": (b"1", 400, "1 event was refused, nothing accepted", [(0, "event is not a JSON object")]),
    "no name": (b"{}", 400, "1 event was refused, nothing accepted", [(0, "event_name is missing")]),
    "a bad one among good ones": (
        b"[%b,{},%b,%b]" % (ONE, TWO, TWO.replace(b'"buy"', b'""')),
        400,
        "2 events were refused, nothing accepted",
        [(1, "event_name is missing"), (3, f"event_name {NAME}")],
    ),
    "a bad one in a batch": (
        b'{"events": [' + ONE + b",1]}",
        400,
        "1 event was refused, nothing accepted",
        [(1, "event is not a JSON object")],
    ),
    "too many": (b"[" + b",".join([b"1"] * 6) + b"]", 413, "6 events in one request; the limit is 5", []),
    "too large a body": (ONE.ljust(2_049), 413, "body of 2049 bytes; the limit is 2048", []),
    "too large an event": (
        b'{"x": "%b"}' % (b"x" * 1_024),
        413,
        "1 event was refused, nothing accepted",
        [(0, "event of 1033 bytes; the limit is 1024")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "status", "what", "events"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_as_a_whole_with_its_reasons(
    front: Pipeline,
    client: redis.Redis,
    keys: Keys,
    body: bytes,
    status: int,
    what: str,
    events: list[tuple[int, str]],
) -> None:
    answer = post(front, body)

    told = {"what": what, "events": [{"index": index, "reason": reason} for index, reason in events]}
    assert (answer.status, answer.headers["Content-Type"]) == (status, JSON)
    assert answer.json() == {"error": told if events else {"what": what}}
    assert queued(client, keys) == []


@pytest.mark.parametrize("media", ["", "text/plain", "application/x-ndjson", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("body", [ONE, b" " * (MAX_BODY + 1)])
def test_other_content_types_are_refused_in_json(front: Pipeline, media: str, body: bytes) -> None:
    answer = post(front, body, media)

    what = f"content type {media!r} is not application/json" if body == ONE else "body of 2049 bytes; the limit is 2048"
    assert (answer.status, answer.headers["Content-Type"]) == (415 if body == ONE else 413, JSON)
    assert answer.json() == {"error": {"what": what}}


@pytest.mark.parametrize(
    ("fields", "body", "status", "what"),
    [
        ({"Content_Encoding": "br"}, ONE, 415, "content encoding 'br' is not one of identity, gzip, zstd"),
        ({"Content_Encoding": "gzip"}, ONE, 400, "body does not inflate: "),
        ({"Content_Encoding": "gzip"}, TOO_MUCH, 413, "body inflates to more than 2048 bytes"),
    ],
)
def test_what_does_not_unpack_is_refused(
    front: Pipeline, fields: dict[str, str], body: bytes, status: int, what: str
) -> None:
    answer = post(front, body, **fields)

    assert answer.status == status
    assert answer.json()["error"]["what"].startswith(what)


def test_a_write_token_lets_in(front: Pipeline, keys: Keys) -> None:
    assert [post(front, ONE, token=token).status for token in (WRITE, ADMIN, READ)] == [204, 204, 403]


@pytest.mark.parametrize("token", ["", "unknown-token-0123456789"])
def test_without_a_token_its_clients_are_told_as_they_know_it(front: Pipeline, token: str) -> None:
    answer = post(front, ONE, token=token)

    assert (answer.status, answer.json()) == (401, {"error": MISSING})
    assert (answer.headers["WWW-Authenticate"], answer.headers["Content-Type"]) == ("Bearer", JSON)


@pytest.mark.parametrize(
    "path", [f"{ANALYTICS}?namespace=a", "/v0/nothing", "/metrics", "/metrics/counters", "/api-docs"]
)
def test_so_they_are_on_all_its_paths(front: Pipeline, path: str) -> None:
    assert front.http.request("GET", f"{front.url}{path}").json() == {"error": MISSING}


@pytest.mark.parametrize("path", [PATH, "/audit", "/v0", "/metricsx", "/nothing"])
def test_and_all_others_as_ever(front: Pipeline, path: str) -> None:
    assert front.http.request("GET", f"{front.url}{path}").json() == {"error": {"what": MISSING}}


@pytest.mark.parametrize("full", [ANALYTICS, PATH])
def test_the_backlog_of_one_queue_stalls_nobody_at_the_other(
    redis_url: str, prefix: str, tmp_path: Path, full: str
) -> None:
    environment = {"REDIS_URL": redis_url, "KEY_PREFIX": prefix, "DB_BACKEND": "dummy", "BACKLOG_MAX_MESSAGES": "3"}
    body = json.dumps({"event_name": "a", "user_id": "u", "timestamp": 1})  # which both take

    with Pipeline(tmp_path, environment, workers=0) as pipeline:

        def sent(path: str) -> urllib3.BaseHTTPResponse:
            return pipeline.http.request("POST", pipeline.url + path, body=body, headers={"Content-Type": JSON})

        refused = until(lambda: (answer := sent(full)).status == 503 and answer, what="full")
        (other,) = {ANALYTICS, PATH} - {full}

        assert refused and refused.json() == {"error": {"what": "the backlog has reached 3 messages"}}
        assert int(refused.headers["Retry-After"]) >= 1
        assert sent(other).status in (201, 204)
        assert sent(full).status == 503
