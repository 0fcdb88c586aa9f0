"""No request is found where another reader of the same bytes would find none (HTTP request smuggling)."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator

import pytest

from tests.pipeline import PATH, Pipeline
from tests.smuggling import AMBIGUOUS, HELD, PIPELINED, Requests
from tests.wire import exchange, post_head

LINES = [f"POST {PATH} HTTP/1.1".encode(), b"GET /alive HTTP/1.1"]
PING = b"GET /wsapi/ping HTTP/1.1\r\nHost: t\r\n\r\n"
LAST = b"GET /alive HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"

lines = pytest.mark.parametrize("line", LINES)


def post(id: str) -> bytes:
    """A whole POST of an event with this id."""
    body = b'{"timestamp": 1, "_id": "%b"}' % id.encode()
    return post_head(f"Content-Length: {len(body)}").replace(b"Connection: close\r\n", b"") + body


def statuses(answers: bytes) -> list[int]:
    found = map(int, re.findall(rb"HTTP/1\.[01] (\d\d\d) ", answers))
    return [status for status in found if status != 100]


def is_refused_or_closed(answers: bytes) -> bool:
    """Whether the first answer is a refusal, or the last there was: then LAST was not even heard."""
    told = statuses(answers)
    return len(told) <= 1 or 400 <= told[0] < 500 or told[0] == 501


@pytest.fixture(scope="module")
def hidden_ids(stack: Pipeline) -> Iterator[set[str]]:
    """The ids of events that must not be let in, and in the end are not."""
    ids: set[str] = set()
    yield ids
    stack.wait_settled()
    assert len(ids) > len(AMBIGUOUS)
    assert not ids & {event["_id"] for event in stack.events()}


@pytest.fixture
def hidden(hidden_ids: set[str]) -> str:
    """The id of an event that must not be let in."""
    id = uuid.uuid4().hex
    hidden_ids.add(id)
    return id


@lines
@pytest.mark.parametrize("build", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_an_ambiguous_request_is_refused_and_what_it_hides_is_not_found(
    stack: Pipeline, build: Requests, line: bytes, hidden: str
) -> None:
    answers = exchange(stack.url, build(line, post(hidden)) + LAST)

    assert is_refused_or_closed(answers), answers
    assert hidden.encode() not in answers


@pytest.mark.parametrize("line", [*LINES, b"POST /wsapi/nowhere HTTP/1.1"])
@pytest.mark.parametrize("build", HELD.values(), ids=HELD)
def test_a_request_within_the_body_of_another_is_not_found(
    stack: Pipeline, build: Requests, line: bytes, hidden: str
) -> None:
    answers = exchange(stack.url, build(line, post(hidden)) + LAST)

    assert statuses(answers)
    assert hidden.encode() not in answers


@pytest.mark.parametrize("build", {**AMBIGUOUS, **HELD}.values(), ids=[*AMBIGUOUS, *HELD])
def test_the_stream_lanes_server_finds_none_either(stack: Pipeline, build: Requests) -> None:
    for line in LINES:
        answers = exchange(stack.api_url, build(line, PING) + LAST)

        assert b"pong" not in answers


@lines
@pytest.mark.parametrize("build", PIPELINED.values(), ids=PIPELINED)
def test_positive_control_a_request_that_follows_another_is_found(
    stack: Pipeline, build: Requests, line: bytes
) -> None:
    id = uuid.uuid4().hex

    answers = exchange(stack.url, build(line, post(id)) + LAST)
    from_api = exchange(stack.api_url, build(line, PING) + LAST)

    assert id.encode() in answers
    assert len(statuses(answers)) == 3
    assert b"pong" in from_api
    stack.wait_settled()
    assert stack.get(f"?id={id}").status == 200


# Requests that are unusual, and clear


def test_http_1_0_ends_the_connection_whatever_it_was_asked_for(stack: Pipeline) -> None:
    ping = b"GET /wsapi/ping HTTP/1.0\r\nHost: t\r\n%b\r\n"

    once = exchange(stack.url, ping % b"" + ping % b"")
    asked = exchange(stack.url, ping % b"Connection: keep-alive\r\n" + ping % b"")

    assert (len(statuses(once)), len(statuses(asked))) == (1, 1)


def test_http_1_0_is_sent_no_chunks(stack: Pipeline) -> None:
    stack.send([{"timestamp": 1}])
    stack.wait_settled()

    for base in (stack.url, stack.api_url):
        head, _, body = exchange(base, f"GET {PATH} HTTP/1.0\r\nHost: t\r\n\r\n".encode()).partition(b"\r\n\r\n")

        assert b"chunked" not in head
        assert json.loads(body)


@pytest.mark.parametrize("host", ["http://127.0.0.1", "http://elsewhere.example:8080", "https://user:word@h"])
def test_a_target_in_absolute_form_is_the_same_route(stack: Pipeline, host: str) -> None:
    for base in (stack.url, stack.api_url):
        answer = exchange(base, f"GET {host}/wsapi/ping HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n".encode())

        assert answer.endswith(b"pong")


@pytest.mark.parametrize("target", ["OPTIONS *", "CONNECT elsewhere.example:80", "GET elsewhere", "GET //wsapi//ping"])
def test_another_target_gets_an_answer_that_is_no_fault_and_leads_nowhere_else(stack: Pipeline, target: str) -> None:
    for base in (stack.url, stack.api_url):
        answer = exchange(base, f"{target} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n".encode())

        assert statuses(answer)[0] in (200, 308, 400, 404, 405)
        assert answer.count(b"location: ") == answer.count(b"location: http://t/")


@pytest.mark.parametrize("field", [b"X: a\x00b", b"X: a\rb", b"X\x00: a", b"X\x7f: a", b"X Y: a", b": a", b"X"])
def test_a_header_that_holds_what_no_header_may_is_refused(stack: Pipeline, field: bytes) -> None:
    for base in (stack.url, stack.api_url):
        (status,) = statuses(exchange(base, LAST.replace(b"Host: t", b"Host: t\r\n" + field)))

        assert status == 400


def test_a_header_with_an_underscore_does_not_pose_as_one_with_a_hyphen(stack: Pipeline) -> None:
    """To WSGI they are one, so that the first is passed over; nginx does so, too."""
    body = post(uuid.uuid4().hex).partition(b"\r\n\r\n")[2]
    head = post_head(f"Content-Length: {len(body)}", "Content_Encoding: gzip")

    by_lane = exchange(stack.url, head + body)
    handed_over = exchange(stack.url, head.replace(b"Host:", b"Expect: 100-continue\r\nHost:") + body)
    hyphen = exchange(stack.url, head.replace(b"Content_", b"Content-") + body)

    assert (statuses(by_lane), statuses(handed_over), statuses(hyphen)) == ([201], [201], [400])
