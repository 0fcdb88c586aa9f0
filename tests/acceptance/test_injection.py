"""A query string is text: no operator of MongoDB in it reaches a query, whatever parameter it comes in."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pymongo
import pytest
import urllib3

from tests.pipeline import PATH, Pipeline
from tests.wire import Stream

LITERAL = '{"$gt":""}'  # an operator, and the _id of an event
STORED = [{"_id": f"event-{n}", "timestamp": n} for n in range(1, 9)] + [{"_id": LITERAL, "timestamp": 9}]

# What matches every event where it is taken for a filter.
FILTERS: list[dict[str, Any]] = [
    {"$gt": ""},
    {"$ne": None},
    {"$exists": True},
    {"$not": {"$eq": 0}},
    {"$nin": []},
]
OPERATORS = [*map(json.dumps, FILTERS), "$gt", "[$ne]", '{"$where":"sleep(9000)"}', '{"$regex":".*"}', "{}", "[]"]
NUMBERS = ["start", "end", "limit", "after", "order"]


@pytest.fixture(scope="module", autouse=True)
def stored(stack: Pipeline) -> list[dict[str, Any]]:
    stack.send(STORED)
    stack.wait_settled()
    return STORED


@pytest.fixture(params=["front", "api"])
def base(stack: Pipeline, request: pytest.FixtureRequest) -> str:
    return stack.url if request.param == "front" else stack.api_url


def get(base: str, path: str = "", **headers: str) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", f"{base}{PATH}{path}", headers=headers, retries=False, timeout=10)


def cursor(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize("text", OPERATORS)
@pytest.mark.parametrize(
    ("route", "names"), [("", NUMBERS), ("/count", ["start", "end"]), ("/stream", ["start", "after"])]
)
def test_an_operator_is_no_number_no_place_and_no_order(base: str, route: str, names: list[str], text: str) -> None:
    for name in names:
        response = get(base, f"{route}?{urlencode({name: text})}")

        assert response.status == 400
        assert " is n" in response.json()["error"]["what"]  # … is not a number, is neither asc nor desc


@pytest.mark.parametrize("text", [text for text in OPERATORS if text.replace(" ", "") != LITERAL])
def test_an_operator_is_an_id_that_nothing_has(base: str, text: str) -> None:
    assert get(base, f"?{urlencode({'id': text})}").status == 404


def test_an_operator_is_the_id_of_the_one_event_that_has_it(base: str) -> None:
    assert get(base, f"?{urlencode({'id': LITERAL})}").json() == {"results": STORED[-1]}


@pytest.mark.parametrize(
    "name", ["{}[$gt]", "{}[]", "{}.$gt", "${}", "{}[$where]", "{}[timestamp][$gt]", "{} ", "{}\x00", "filter[{}]"]
)
@pytest.mark.parametrize("parameter", [*NUMBERS, "id", "_id", "timestamp", "where"])
def test_a_parameter_that_is_spelt_as_an_operator_is_passed_over(base: str, parameter: str, name: str) -> None:
    ours = {"start": "3", "end": "5"}
    theirs = {**ours, name.format(parameter): "0"}

    assert get(base, f"?{urlencode(theirs)}").json() == STORED[2:5]
    assert get(base, f"/count?{urlencode(theirs)}").json() == 3
    assert get(base, f"/last?{urlencode(theirs)}").json() == STORED[-1]


@pytest.mark.parametrize(
    "query", ["$where=sleep(9000)", '$or=[{"_id":{"$ne":null}}]', "timestamp[$gt]=0", "sort=$natural"]
)
def test_a_query_of_no_parameter_of_ours_is_the_same_as_none(base: str, query: str) -> None:
    assert get(base, f"?{quote(query, safe='=')}").json() == STORED
    assert get(base, f"/count?{quote(query, safe='=')}").json() == len(STORED)


def test_of_a_parameter_given_twice_the_first_counts(base: str) -> None:
    operator = quote('{"$gt":0}')

    assert get(base, "?start=7&start=1").json() == STORED[6:]
    assert get(base, f"?start=7&start={operator}").json() == STORED[6:]
    assert get(base, f"?start={operator}&start=7").status == 400
    assert get(base, f"?id=event-1&id={operator}").json() == {"results": STORED[0]}
    assert get(base, "?id=event-1&id=event-2&start=1").json() == {"results": STORED[0]}


@pytest.mark.parametrize(
    "value",
    [
        [{"$gt": 0}, "event-1"],
        [1, {"$ne": ""}],
        [{"$gt": ""}, {"$gt": ""}],
        [None, "event-1"],
        [True, "event-1"],
        [[1], "event-1"],
        [1, None],
        [1, ["event-1"]],
        [1, "event-1", {"$or": []}],
        {"timestamp": {"$gt": 0}},
        {"$gt": 0},
    ],
)
def test_a_cursor_that_was_made_up_of_operators_is_refused(base: str, value: object) -> None:
    for route in ("", "/stream"):
        response = get(base, f"{route}?after={cursor(value)}")

        assert response.status == 400
        assert "is not a cursor" in response.json()["error"]["what"]


def test_a_cursor_that_was_made_up_of_text_is_a_place_and_no_more(base: str) -> None:
    assert get(base, f"?after={cursor([9, LITERAL])}").json() == []
    assert get(base, f"?after={cursor([7, LITERAL])}").json() == STORED[7:]  # "event-7" comes before "{"
    assert get(base, f"?after={cursor([7, '$ne'])}").json() == STORED[6:]  # and after "$"


@pytest.mark.parametrize("text", OPERATORS)
def test_an_operator_for_the_last_event_seen_is_refused(base: str, text: str) -> None:
    assert get(base, "/stream", **{"Last-Event-ID": text}).status == 400


@pytest.mark.parametrize("query", ["start[$gt]=0", "start[]=0", "$where=1", "id[$ne]=x"])
def test_a_follower_is_sent_nothing_stored_for_an_operator(stack: Pipeline, base: str, query: str) -> None:
    with Stream(base, f"?{quote(query, safe='=')}") as stream, Stream(base, "?start=9") as control:
        # An event that is stored already is announced to nobody, so that the others find what they expect.
        new = {"_id": uuid.uuid4().hex, "timestamp": -(2**60)}
        before = control.doc()
        stack.send([new])
        first = stream.doc()

    try:
        assert (before, first) == (STORED[-1], new)
    finally:
        remove(stack, new["_id"])


def remove(stack: Pipeline, id: Any) -> None:
    """Past Coinslot, which removes nothing."""
    with pymongo.MongoClient[dict[str, Any]](stack.environment["MONGODB_URL"]) as client:
        client[stack.environment["DB_NAME"]]["events"].delete_one({"_id": id})


@pytest.fixture
def events(stack: Pipeline) -> Iterator[Any]:
    with pymongo.MongoClient[dict[str, Any]](stack.environment["MONGODB_URL"]) as client:
        yield client[stack.environment["DB_NAME"]]["events"]


@pytest.mark.parametrize(
    "filter", [*({"_id": filter} for filter in FILTERS), {"$where": "true"}, {"timestamp": {"$gt": 0}}]
)
def test_positive_control_as_filters_they_would_match_everything(events: Any, filter: dict[str, Any]) -> None:
    assert len(list(events.find(filter))) == len(STORED)
