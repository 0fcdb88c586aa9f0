"""The contract's POST rows, as a client sees them."""

from __future__ import annotations

import gzip
import json
import sys
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.pipeline import Pipeline, until
from tests.wire import exchange, post_head

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FORM, JSON, NDJSON, TEXT = "application/x-www-form-urlencoded", "application/json", "application/x-ndjson", "text/plain"

SIGN_IN: dict[str, Any] = {
    "timestamp": 1333046104322,
    "event_stream": [["picker", 732], ["picker::change", 1700], ["certified", 3300], ["complete", 4632]],
    "email_type": "secondary",
    "number_emails": 3,
    "new_account": False,
    "language": "en_US",
    "screen_size": {"width": 640, "height": 480},
    "sample_rate": 1.0,
    "user_agent": {"os": "TestOS", "browser": "Foo & Bär", "version": "42+%"},
}


def sign_in(**more: Any) -> dict[str, Any]:
    """The contract's typical event, with an `_id` to find it by."""
    return {**SIGN_IN, "_id": uuid.uuid4().hex, **more}


def read(stack: Pipeline, id: str) -> Any:
    """The event with this id, once it is stored."""
    until(lambda: stack.get(f"?id={id}").status == 200, what=f"{id} is stored")
    return stack.get(f"?id={id}").json()["results"]


def settle(stack: Pipeline) -> None:
    """Return when all that was ever accepted has been stored: an event that is sent now is stored after it."""
    read(stack, stack.send([{"timestamp": 0}])[0])


def is_stored(stack: Pipeline, event: dict[str, Any]) -> bool:
    return stack.get(f"?id={event['_id']}").status == 200


# What old clients send


@pytest.mark.parametrize("as_list", [False, True])
def test_an_old_client_posts_one_event_or_a_list_as_a_form(stack: Pipeline, as_list: bool) -> None:
    sent = [sign_in(), sign_in()] if as_list else [sign_in()]

    response = stack.post(urlencode({"data": json.dumps(sent if as_list else sent[0])}).encode(), FORM)

    assert (response.status, response.data) == (201, b"ok")
    assert response.headers["Content-Type"].startswith("text/plain")
    assert [read(stack, event["_id"]) for event in sent] == sent


@pytest.mark.parametrize("as_list", [False, True])
def test_the_same_as_json(stack: Pipeline, as_list: bool) -> None:
    sent = [sign_in(), sign_in()] if as_list else [sign_in()]

    response = stack.post(json.dumps({"data": json.dumps(sent if as_list else sent[0])}).encode())

    assert (response.status, response.data) == (201, b"ok")
    assert [read(stack, event["_id"]) for event in sent] == sent


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "data is missing"),
        (b"date=1", "data is missing"),
        (b"data=", "JSON text is empty"),
        (b"data=nonsense", "malformed"),
        (b"data=%7B", "truncated"),
        (b"data={}", "event 0: timestamp is missing"),
        (b'data=[{"timestamp":1},{"timestamp":"2"}]', "event 1: timestamp is not a number"),
    ],
)
def test_an_old_clients_mistake_is_named_in_text_and_the_server_goes_on(
    stack: Pipeline, body: bytes, fault: str
) -> None:
    as_form = stack.post(body, FORM)
    afterwards = stack.post(urlencode({"data": json.dumps(SIGN_IN)}).encode(), FORM)

    assert as_form.status == 400
    assert as_form.headers["Content-Type"].startswith("text/plain")
    assert fault in as_form.data.decode()
    assert afterwards.status == 201


@pytest.mark.parametrize(("data", "fault"), [("nonsense", "malformed"), ("", "is empty"), ("{}", "timestamp is")])
def test_so_it_is_in_an_old_clients_json(stack: Pipeline, data: str, fault: str) -> None:
    response = stack.post(json.dumps({"data": data}).encode())

    assert response.status == 400
    assert response.headers["Content-Type"].startswith("text/plain")
    assert fault in response.data.decode()


# What others send


@pytest.mark.parametrize("media", [JSON, TEXT, f"{JSON}; charset=utf-8"])
def test_one_event_or_an_array_as_json(stack: Pipeline, media: str) -> None:
    one, two, three = sign_in(), sign_in(), sign_in()

    alone = stack.post(json.dumps(one).encode(), media)
    together = stack.post(json.dumps([two, three]).encode(), media)

    assert (alone.status, alone.json()) == (201, {"accepted": 1, "ids": [one["_id"]]})
    assert (together.status, together.json()) == (201, {"accepted": 2, "ids": [two["_id"], three["_id"]]})
    assert alone.headers["Content-Type"] == JSON
    assert [read(stack, event["_id"]) for event in (one, two, three)] == [one, two, three]


def test_an_event_a_line(stack: Pipeline) -> None:
    sent = [sign_in() for _ in range(3)]

    response = stack.post("\n".join(map(json.dumps, sent)).encode(), NDJSON)

    assert (response.status, response.json()) == (201, {"accepted": 3, "ids": [event["_id"] for event in sent]})
    assert [read(stack, event["_id"]) for event in sent] == sent


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("zstd", zstd.compress)])
@pytest.mark.parametrize("media", [JSON, NDJSON, TEXT, FORM])
def test_each_may_be_compressed(stack: Pipeline, media: str, encoding: str, compress: Any) -> None:
    sent = sign_in()
    text = json.dumps(sent)
    body = urlencode({"data": text}) if media == FORM else text

    response = stack.post(compress(body.encode()), media, Content_Encoding=encoding)

    assert response.status == 201
    assert read(stack, sent["_id"]) == sent


def test_an_event_without_an_id_gets_one_that_it_can_be_read_by(stack: Pipeline) -> None:
    ids = stack.send([SIGN_IN, SIGN_IN])

    assert len(set(ids)) == 2
    assert [read(stack, id) for id in ids] == [{"_id": id, **SIGN_IN} for id in ids]


def test_an_event_sent_twice_under_one_id_is_stored_once(stack: Pipeline) -> None:
    event = sign_in(timestamp=-1000)

    statuses = [stack.post(json.dumps(event).encode()).status for _ in range(3)]
    statuses.append(stack.post(json.dumps([event, {**event, "timestamp": -999}]).encode()).status)
    settle(stack)

    assert statuses == [201] * 4
    assert stack.events("?start=-1000&end=-999") == [event]
    assert stack.wait_settled()["balanced"]


@pytest.mark.parametrize("body", [b"[]", b"[ ]\n"])
def test_a_list_of_nothing_is_accepted(stack: Pipeline, body: bytes) -> None:
    response = stack.post(body)

    assert (response.status, response.json()) == (201, {"accepted": 0, "ids": []})


# What is refused


def events_and_faults() -> tuple[list[Any], list[dict[str, Any]]]:
    """Good events among bad, and what is said of the bad ones."""
    sent = [sign_in(), {"_id": "x"}, sign_in(), sign_in(timestamp="2"), 5]
    faults = ["timestamp is missing", "timestamp is not a number", "event is not a JSON object"]
    return sent, [{"index": index, "reason": reason} for index, reason in zip((1, 3, 4), faults, strict=True)]


@pytest.mark.parametrize("media", [JSON, NDJSON, TEXT])
def test_a_bad_event_refuses_the_whole_request(stack: Pipeline, media: str) -> None:
    sent, faults = events_and_faults()
    before = stack.audit()["accepted"]

    response = stack.post(encoded(sent, media), media)

    assert response.status == 400
    assert response.json() == {"error": {"what": "3 events were refused, nothing accepted", "events": faults}}
    assert stack.audit()["accepted"] == before
    settle(stack)
    assert [is_stored(stack, event) for event in (sent[0], sent[2])] == [False, False]


@pytest.mark.parametrize("media", [JSON, NDJSON, TEXT])
def test_unless_it_asks_to_skip_the_bad_ones(stack: Pipeline, media: str) -> None:
    sent, faults = events_and_faults()
    good = [sent[0], sent[2]]

    response = stack.post(encoded(sent, media), media, "?on_error=skip")

    assert response.status == 201
    assert response.json() == {"accepted": 2, "ids": [event["_id"] for event in good], "rejected": faults}
    assert [read(stack, event["_id"]) for event in good] == good


@pytest.mark.parametrize(
    ("query", "shown"), [("?on_error=skp", "'skp'"), ("?a=1&on_error=%C3%BC&on_error=skip", "'ü'")]
)
def test_nothing_else_can_be_done_with_the_bad_ones(stack: Pipeline, query: str, shown: str) -> None:
    response = stack.post(json.dumps(SIGN_IN).encode(), query=query)

    assert response.status == 400
    assert response.json() == {"error": {"what": f"on_error={shown} is not skip"}}


def test_skipping_does_not_help_a_body_that_is_no_json(stack: Pipeline) -> None:
    response = stack.post(b'[{"timestamp": 1}, {"timestamp"', query="?on_error=skip")

    assert response.status == 400
    assert "truncated" in response.json()["error"]["what"]


def encoded(events: Sequence[Any], media: str) -> bytes:
    return "\n".join(map(json.dumps, events)).encode() if media == NDJSON else json.dumps(events).encode()


def test_over_a_size_limit_it_is_413(stack: Pipeline) -> None:
    limits = stack.http.request("GET", f"{stack.url}/limits").json()
    large_event = json.dumps(sign_in(text="x" * limits["max_event_bytes"])).encode()
    large_body = b" " * limits["max_body_bytes"] + b"[]"
    many_events = json.dumps([{"timestamp": 1}] * (limits["max_events_per_post"] + 1)).encode()

    answers = [stack.post(body) for body in (large_event, large_body, many_events)]
    answers.append(stack.post(gzip.compress(large_body), Content_Encoding="gzip"))

    assert [answer.status for answer in answers] == [413] * 4
    assert f"the limit is {limits['max_event_bytes']}" in answers[0].json()["error"]["events"][0]["reason"]
    assert f"the limit is {limits['max_body_bytes']}" in answers[1].json()["error"]["what"]
    assert f"the limit is {limits['max_events_per_post']}" in answers[2].json()["error"]["what"]
    assert f"more than {limits['max_body_bytes']} bytes" in answers[3].json()["error"]["what"]


@pytest.mark.parametrize("fields", [(), ("Transfer-Encoding: chunked",)])
def test_without_a_length_it_is_411(stack: Pipeline, fields: tuple[str, ...]) -> None:
    answer = exchange(stack.url, post_head(*fields) + b'10\r\n{"timestamp": 1}\r\n0\r\n\r\n')

    assert answer.startswith(b"HTTP/1.1 411 ")
    assert b"a Content-Length is required" in answer


@pytest.mark.parametrize("media", ["text/html", "multipart/form-data; boundary=x", ""])
def test_for_a_type_not_known_it_is_415(stack: Pipeline, media: str) -> None:
    response = stack.post(json.dumps(SIGN_IN).encode(), media)

    assert response.status == 415
    assert "application/x-ndjson" in response.json()["error"]["what"]


def test_for_an_encoding_not_known_it_is_415(stack: Pipeline) -> None:
    response = stack.post(json.dumps(SIGN_IN).encode(), Content_Encoding="br")

    assert response.status == 415
    assert "gzip, zstd" in response.json()["error"]["what"]


# What cannot be taken now


@pytest.fixture(scope="module")
def unattended(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A Coinslot that has room for one message, and no worker that makes more."""
    environment = {"REDIS_URL": redis_url, "DB_BACKEND": "sqlite", "BACKLOG_MAX_MESSAGES": "1"}
    environment["KEY_PREFIX"] = f"test-{uuid.uuid4().hex[:12]}"
    folder: Path = tmp_path_factory.mktemp("unattended")
    pipeline = Pipeline(folder, environment, workers=0).start()
    yield pipeline
    pipeline.stop()


def test_what_it_cannot_take_now_is_refused_with_a_time_to_come_back_until_there_is_room(unattended: Pipeline) -> None:
    as_json, as_form = json.dumps(SIGN_IN).encode(), urlencode({"data": json.dumps(SIGN_IN)}).encode()
    accepted = 0
    while unattended.post(as_json).status == 201:
        accepted += 1
    refused, refused_form = unattended.post(as_json), unattended.post(as_form, FORM)
    worker = unattended.process("worker")
    worker.start()

    until(lambda: unattended.post(as_json).status == 201, what="room again")
    worker.stop()

    assert accepted >= 1
    for answer in (refused, refused_form):
        assert answer.status == 503
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert refused.json() == {"error": {"what": "the backlog has reached 1 messages"}}
    assert refused_form.data == b"the backlog has reached 1 messages"
    assert unattended.count() >= accepted


def test_an_old_client_that_asks_to_skip_is_told_what_was_taken(stack: Pipeline) -> None:
    response = stack.post(b'data=[{"timestamp": 1}, {"a": 1}]', FORM, "?on_error=skip")

    assert response.status == 201
    assert response.json()["accepted"] == 1
    assert response.json()["rejected"] == [{"index": 1, "reason": "timestamp is missing"}]
