"""The contract's GET rows but for the stream: ranges, single events, counts, the last event."""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3

from tests.pipeline import PATH, Pipeline

NDJSON = "application/x-ndjson"

# Timestamps out of order; three events share one, and are told apart by their ids.
STORED = [
    {"_id": "e", "timestamp": 50},
    {"_id": "a", "timestamp": 10},
    {"_id": "c3", "timestamp": 30},
    {"_id": "c1", "timestamp": 30.0},
    {"_id": "c2", "timestamp": 30},
    {"_id": "b", "timestamp": 20.5, "text": "ü", "deep": {"list": [1, 2.0, None, True]}},
    {"_id": "d", "timestamp": 40},
    {"_id": "z", "timestamp": -5},
]
IN_ORDER = ["z", "a", "b", "c1", "c2", "c3", "d", "e"]

LARGE = [{"_id": f"large-{n:02}", "timestamp": n, "text": "x" * 900_000} for n in range(12)]


@pytest.fixture(scope="module")
def bank(stack: Pipeline) -> Pipeline:
    """A Coinslot that has STORED and nothing else."""
    stack.send(STORED)
    stack.wait_count(len(STORED))
    return stack


@pytest.fixture(scope="module", params=["front", "api"])
def base(bank: Pipeline, request: pytest.FixtureRequest) -> str:
    """What serves the same routes: the front, and the api of its own."""
    return bank.url if request.param == "front" else bank.api_url


@pytest.fixture(scope="module")
def heavy(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A Coinslot with LARGE events alone: more than sockets and buffers swallow."""
    environment = {"REDIS_URL": redis_url, "DB_BACKEND": "sqlite", "KEY_PREFIX": f"test-{uuid.uuid4().hex[:12]}"}
    folder: Path = tmp_path_factory.mktemp("heavy")
    pipeline = Pipeline(folder, environment, api=True).start()
    for event in LARGE:
        pipeline.send([event])
    pipeline.wait_count(len(LARGE))
    yield pipeline
    pipeline.stop()


def get(base: str, path: str, **headers: str) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", f"{base}{PATH}{path}", headers=headers, retries=False, timeout=10)


def ids(base: str, query: str = "") -> list[str]:
    response = get(base, query)
    assert response.status == 200, response.data
    return [event["_id"] for event in response.json()]


def what(response: urllib3.BaseHTTPResponse) -> str:
    text: str = response.json()["error"]["what"]
    return text


def pages(base: str, query: str) -> Iterator[list[dict[str, Any]]]:
    """The events of every page, as the Link headers lead from one to the next."""
    response = get(base, query)
    while True:
        assert response.status == 200
        yield response.json()
        link = response.headers.get("Link")
        if link is None:
            return
        assert link.endswith('>; rel="next"')
        response = get(base, link[1:].partition(">")[0].removeprefix(PATH))


# Ranges


def test_a_range_without_ends_is_everything_by_timestamp(base: str) -> None:
    response = get(base, "")

    assert response.status == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.json() == sorted(STORED, key=lambda event: (event["timestamp"], event["_id"]))
    assert ids(base) == IN_ORDER


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?start=20.5&end=40", ["b", "c1", "c2", "c3", "d"]),  # both are inclusive
        ("?start=20.6&end=39.9", ["c1", "c2", "c3"]),
        ("?start=30", ["c1", "c2", "c3", "d", "e"]),
        ("?end=10", ["z", "a"]),
        ("?start=&end=", IN_ORDER),
        ("?start=-5&end=-5", ["z"]),
        ("?start=30.0&end=3e1", ["c1", "c2", "c3"]),
        ("?start=51", []),
        ("?start=2&end=1", []),
        ("?start=99999999999999999999999999", []),
        ("?end=99999999999999999999999999", IN_ORDER),
        ("?order=desc", IN_ORDER[::-1]),
        ("?order=asc&start=30&end=40", ["c1", "c2", "c3", "d"]),
        ("?order=desc&start=30&end=40", ["d", "c3", "c2", "c1"]),
        ("?limit=2&order=desc", ["e", "d"]),
        ("?limit=10000", IN_ORDER),
    ],
)
def test_a_range_has_the_ends_and_the_order_that_were_asked_for(base: str, query: str, expected: list[str]) -> None:
    assert ids(base, query) == expected


@pytest.mark.parametrize("query", ["", "?limit=3", "?start=999"])
def test_who_accepts_ndjson_gets_an_event_a_line(base: str, query: str) -> None:
    response = get(base, query, Accept=NDJSON)

    assert response.status == 200
    assert response.headers["Content-Type"] == NDJSON
    lines = response.data.decode().split("\n")
    assert lines.pop() == ""
    assert list(map(json.loads, lines)) == get(base, query).json()


def test_who_accepts_anything_gets_an_array(base: str) -> None:
    assert get(base, "", Accept="*/*").headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 9])
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?", IN_ORDER),
        ("?order=desc&", IN_ORDER[::-1]),
        ("?start=30&end=40&", ["c1", "c2", "c3", "d"]),
        ("?start=999&", []),
    ],
)
def test_pages_walk_the_whole_range_once(base: str, query: str, expected: list[str], limit: int) -> None:
    walked = list(pages(base, f"{query}limit={limit}"))

    assert [event["_id"] for page in walked for event in page] == expected
    assert {len(page) for page in walked[:-1]} <= {limit}
    assert len(walked) == max(1, -(-len(expected) // limit))


def test_a_cursor_goes_on_without_a_limit_too(base: str) -> None:
    link = get(base, "?limit=5").headers["Link"]
    cursor = link.partition("after=")[2].partition(">")[0]

    assert ids(base, f"?after={cursor}") == IN_ORDER[5:]
    assert ids(base, f"?after={cursor}&order=desc") == IN_ORDER[3::-1]


def test_a_page_of_large_events_ends_early_and_leads_on(heavy: Pipeline) -> None:
    walked = list(pages(heavy.url, "?limit=100"))

    assert [event for page in walked for event in page] == LARGE
    assert len(walked) == 2


def test_readers_who_leave_in_the_middle_keep_nobody_out(heavy: Pipeline) -> None:
    for base in (heavy.url, heavy.api_url):
        for _ in range(40):
            leave_in_the_middle(base)

        assert get(base, "/count").data == b"%d" % len(LARGE)


def leave_in_the_middle(base: str) -> None:
    with socket.create_connection((urlsplit(base).hostname, urlsplit(base).port or 80), timeout=10) as reader:
        reader.sendall(f"GET {PATH} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        assert b" 200 OK" in reader.recv(1000)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("?start=yesterday", "start='yesterday'"),
        ("?end=NaN", "end='NaN'"),
        ("?end=1e999", "end='1e999'"),
        ("?limit=0", "limit='0'"),
        ("?limit=10001", "limit='10001'"),
        ("?order=random", "order='random'"),
        ("?after=nonsense", "after='nonsense'"),
        ("?after=WzEsMl0", "after='WzEsMl0'"),
    ],
)
def test_a_query_that_is_not_understood_is_refused_by_name(base: str, query: str, named: str) -> None:
    response = get(base, query)

    assert response.status == 400
    assert what(response).startswith(named)


# Single events


@pytest.mark.parametrize("query", ["", "&start=999&end=1000", "&start=nonsense&limit=0"])
def test_an_event_is_read_by_its_id_whatever_start_and_end_say(base: str, query: str) -> None:
    response = get(base, f"?id=b{query}")

    assert response.status == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.json() == {"results": STORED[5]}


@pytest.mark.parametrize("id", ["", "B", "nothing", "a%00", "%F0%9F%92%A9", "5f0000000000000000000000", "x" * 1000])
def test_an_id_that_is_not_there_is_404(base: str, id: str) -> None:
    response = get(base, f"?id={id}")

    assert response.status == 404
    assert what(response) == "there is no event with this id"


# Counts, and the last event


@pytest.mark.parametrize(
    ("query", "expected"),
    [("", 8), ("?start=30", 5), ("?end=30", 6), ("?start=20.5&end=30", 4), ("?start=60", 0), ("?start=&end=", 8)],
)
def test_the_count_is_a_json_number(base: str, query: str, expected: int) -> None:
    response = get(base, f"/count{query}")

    assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
    assert response.data == b"%d" % expected


def test_a_count_of_what_is_no_range_is_refused(base: str) -> None:
    response = get(base, "/count?start=x")

    assert response.status == 400
    assert what(response) == "start='x' is not a number"


def test_the_last_event_is_that_with_the_greatest_timestamp(base: str) -> None:
    response = get(base, "/last")

    assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
    assert response.json() == {"_id": "e", "timestamp": 50}


def test_where_nothing_is_stored_ranges_are_empty_and_there_is_no_last(
    redis_url: str, mongodb_url: str, tmp_path: Path, prefix: str
) -> None:
    environment = {"REDIS_URL": redis_url, "MONGODB_URL": mongodb_url, "DB_NAME": prefix, "KEY_PREFIX": prefix}
    pipeline = Pipeline(tmp_path, environment, workers=0).start()
    try:
        last = pipeline.get("/last")

        assert (last.status, what(last)) == (404, "nothing is stored yet")
        assert pipeline.get("/count").data == b"0"
        assert pipeline.get().data == b"[]"
        assert pipeline.get(Accept=NDJSON).data == b""
        assert pipeline.get("?id=a").status == 404
    finally:
        pipeline.stop()
