"""A POST gets one answer by whichever way it comes: the fast lane, handed over to a whole server, or plain Flask."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from coinslot.analytics.event import AnalyticCheck
from coinslot.event_check import EventCheck
from ingest.analytics import Analytics
from ingest.app import create_flask
from ingest.budget import Budget
from ingest.dialect import Dialect
from ingest.intake import Intake
from ingest.interaction_data import InteractionData
from ingest.turn import Turn
from ingest.view import View
from tests.pipeline import PATH, Pipeline
from tests.wire import exchange, post_head

JSON, FORM, NDJSON, TEXT = "application/json", "application/x-www-form-urlencoded", "application/x-ndjson", "text/plain"
MAX_BODY, MAX_EVENT, MAX_EVENTS = 200_000, 100_000, 100
GOOD = b'{"timestamp": 1, "_id": "a"}'
DONE = b'{"event_name": "a", "user_id": "u"}'


class Case(NamedTuple):
    body: bytes
    media: str = JSON
    query: str = ""
    fields: tuple[str, ...] = ()
    path: str = PATH


def analytics(body: bytes, media: str = JSON, query: str = "", *fields: str) -> Case:
    return Case(body, media, query, fields, "/v0/analytics")


CASES = {
    "an event": Case(GOOD),
    "an event without an id": Case(b'{"timestamp": 1}'),
    "some": Case(b"[" + GOOD + b"," + GOOD + b"]"),
    "none": Case(b"[]"),
    "lines": Case(GOOD + b"\n" + GOOD, NDJSON),
    "text": Case(GOOD, TEXT),
    "a form": Case(b"data=%7B%22timestamp%22%3A1%7D", FORM),
    "a form with more": Case(b"x=1&data=" + GOOD + b"&data=2", FORM),
    "a form of an old client": Case(b"data=" + GOOD, FORM + "; charset=UTF-8"),
    "the old client's JSON": Case(b'{"data": "{\\"timestamp\\": 1}"}'),
    "with a parameter": Case(GOOD, JSON + "; charset=utf-8"),
    "in capitals": Case(GOOD, JSON.upper()),
    "gzip": Case(gzip.compress(GOOD), fields=("Content-Encoding: gzip",)),
    "GZIP": Case(gzip.compress(GOOD), fields=("Content-Encoding: GZIP",)),
    "identity": Case(GOOD, fields=("Content-Encoding: identity",)),
    "skipping": Case(b"[" + GOOD + b",{}]", query="?on_error=skip"),
    "skipping all": Case(b"[{}]", query="?on_error=skip"),
    "skipping a form": Case(b"data={}", FORM, "?on_error=skip"),
    "skipping escaped": Case(b"[{}]", query="?on_error=%73kip"),
    "the first counts": Case(b"[{}]", query="?on_error=skip&on_error=x"),
    "another query": Case(GOOD, query="?a=1&&=&%"),
    "strange queries": Case(GOOD, query="?on_error=%ff"),
    "what is not to be done": Case(GOOD, query="?on_error=ignore"),
    "bad JSON": Case(GOOD[:-1]),
    "bad UTF-8": Case(b'{"timestamp": 1, "a": "\xff"}'),
    "a bad event": Case(b"{}"),
    "bad events": Case(b"[{}, 1, null]"),
    "a bad event in a form": Case(b"data={}", FORM),
    "a form without data": Case(b"x=1", FORM),
    "nothing": Case(b""),
    "nothing in a form": Case(b"", FORM),
    "no type": Case(GOOD, ""),
    "another type": Case(GOOD, "image/png"),
    "a strange type": Case(GOOD, "\xff"),
    "an encoding not known": Case(GOOD, fields=("Content-Encoding: br",)),
    "what does not inflate": Case(GOOD, fields=("Content-Encoding: gzip",)),
    "too large an event": Case(b'{"timestamp": 1, "a": "%b"}' % (b"x" * MAX_EVENT)),
    "too large a body": Case(GOOD.ljust(MAX_BODY + 1)),
    "too large a body in a form": Case(b"data=" + GOOD.ljust(MAX_BODY + 1), FORM),
    "inflated too large": Case(gzip.compress(GOOD.ljust(MAX_BODY + 1)), fields=("Content-Encoding: gzip",)),
    "too many events": Case(b"[" + b",".join([b"{}"] * (MAX_EVENTS + 1)) + b"]"),
    "large": Case(GOOD.ljust(90_000)),
    "fields that mean nothing here": Case(GOOD, fields=("Accept: text/html", "Cookie: a=b", "If-Match: x", "Range: x")),
    "fields twice": Case(GOOD, fields=("X: a", "X: b")),
    "a name with an underscore": Case(GOOD, fields=("Content_Encoding: gzip", "Content_Type: image/png")),
    "an analytic event": analytics(DONE),
    "analytic events": analytics(b"[" + DONE + b"," + DONE + b"]"),
    "a batch of them": analytics(b'{"events": [' + DONE + b"]}"),
    "an empty batch": analytics(b'{"events": []}'),
    "no analytic event": analytics(b"[" + DONE + b",{}]", JSON, "?on_error=skip"),
    "a batch that is none": analytics(b'{"events": 1}'),
    "analytics in a form": analytics(b"data=1", FORM),
    "analytics without a type": analytics(DONE, ""),
    "analytics with a parameter": analytics(DONE, JSON + ";charset=UTF-8"),
    "packed analytics": analytics(gzip.compress(DONE), JSON, "", "Content-Encoding: gzip"),
    "too large a body of analytics": analytics(DONE.ljust(MAX_BODY + 1)),
    "and in a form": analytics(b"data=" + DONE.ljust(MAX_BODY + 1), FORM),
    "too many analytic events": analytics(b"[" + b",".join([DONE] * (MAX_EVENTS + 1)) + b"]"),
    "large analytics": analytics(DONE.ljust(90_000)),
    "another method by a header": Case(GOOD, fields=("X-HTTP-Method-Override: DELETE",)),
}  # fmt: skip
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


class Answer(NamedTuple):
    status: int
    fields: dict[str, str]
    body: bytes


@pytest.fixture(scope="module")
def front(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    environment = {
        "REDIS_URL": redis_url,
        "KEY_PREFIX": "one-answer",
        "DB_BACKEND": "dummy",
        "MAX_BODY_BYTES": str(MAX_BODY),
        "MAX_EVENT_BYTES": str(MAX_EVENT),
        "MAX_EVENTS_PER_POST": str(MAX_EVENTS),
    }
    with Pipeline(tmp_path_factory.mktemp("front"), environment, workers=0) as pipeline:
        yield pipeline


class Open:
    """Backpressure that there is none of."""

    def admit(self) -> None:
        """Let it in."""


@pytest.fixture(scope="module")
def flask() -> Any:
    backpressure: Any = Open()
    dialects: dict[str, Dialect] = {
        PATH: InteractionData(EventCheck(MAX_EVENT), MAX_EVENTS),
        "/v0/analytics": Analytics(AnalyticCheck(MAX_EVENT), MAX_EVENTS),
    }
    intakes = {path: Intake(each, lambda _: None, backpressure, Turn(), MAX_BODY) for path, each in dialects.items()}
    views = {path: View(intake, Budget(MAX_BODY), MAX_BODY) for path, intake in intakes.items()}
    return create_flask(views, lambda: None).test_client()


def sent(case: Case, *fields: str) -> bytes:
    head = post_head(f"Content-Length: {len(case.body)}", *case.fields, *fields, media="TYPE")
    media = b"" if not case.media else b"Content-Type: " + case.media.encode("latin-1") + b"\r\n"
    head = head.replace(b"Content-Type: TYPE\r\n", media).replace(PATH.encode(), (case.path + case.query).encode())
    return head + case.body


def read(answer: bytes) -> Answer:
    """Without what differs each time: the date, and the ids that are made up."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines)
    assert list(fields) == [name.lower() for name in fields]
    assert "date" in fields
    code = int(status.split()[1])
    assert ("content-length" in fields, "content-type" in fields) == (code != 204, code != 204)
    assert int(fields.get("content-length", "0")) == len(body)
    del fields["date"]
    return Answer(code, fields, without_ids(body))


def without_ids(body: bytes) -> bytes:
    return re.sub(rb'"[0-9a-f]{24}"', b'"ID"', body)


HANDED_OVER = {
    "by its own head": lambda case: sent(case, "Expect: 100-continue"),
    "by an empty line before it": lambda case: b"\r\n" + sent(case),
    "by another request before it": lambda case: b"GET /wsapi/ping HTTP/1.1\r\nHost: t\r\n\r\n" + sent(case),
}


@pytest.mark.parametrize("hand_over", HANDED_OVER.values(), ids=HANDED_OVER)
@cases
def test_what_is_handed_over_gets_the_lanes_answer(front: Pipeline, case: Case, hand_over: Any) -> None:
    by_lane = exchange(front.url, sent(case))
    handed_over = exchange(front.url, hand_over(case)).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")

    assert read(handed_over[handed_over.rindex(b"HTTP/1.1 ") :]) == read(by_lane)


@cases
def test_plain_flask_gives_the_same_answer(front: Pipeline, flask: Any, case: Case) -> None:
    headers = [tuple(field.split(": ", 1)) for field in case.fields if "_" not in field]  # the server drops those
    media = [("Content-Type", case.media)] if case.media else []

    by_lane = read(exchange(front.url, sent(case)))
    by_flask = flask.post(
        case.path + case.query, data=case.body, headers=[*headers, *media], content_length=len(case.body)
    )

    assert (by_flask.status_code, without_ids(by_flask.data)) == (by_lane.status, by_lane.body)
    for name in ("content-type", "content-length", "retry-after"):
        assert by_flask.headers.get(name) == by_lane.fields.get(name)


def test_positive_control_answers_differ(front: Pipeline) -> None:
    answers = {read(exchange(front.url, sent(case)))[::2] for case in CASES.values()}

    assert {status for status, _ in answers} == {201, 204, 400, 413, 415}
    assert len(answers) > 15
