"""What nobody should send: each is refused with a reason or kept as it is, and harms neither server nor ledger."""

from __future__ import annotations

import gzip
import json
import os
import socket
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import urllib3

from coinslot.events import MAX_DEPTH
from tests.memory import Memory
from tests.pipeline import PATH, Pipeline, until
from tests.wire import Stream, events, exchange, post_head

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FORM, NDJSON = "application/x-www-form-urlencoded", "application/x-ndjson"

MIB = 1024 * 1024
KEEP_OPEN = 20


@pytest.fixture(scope="module", autouse=True)
def nothing_is_harmed(stack: Pipeline) -> Iterator[None]:
    """In the end nobody died, no bad event was let in, and everything that was accepted is stored."""
    yield
    audit = stack.wait_settled()
    assert audit["balanced"], audit["what"]
    assert audit["dead"] == 0
    assert stack.count() == audit["stored"]
    assert all(process.is_running() for process in (stack.front, stack.api, *stack.workers) if process)


@pytest.fixture(autouse=True)
def it_goes_on(stack: Pipeline) -> Iterator[None]:
    """After each test the server takes events and stores them, and its ledger balances."""
    yield
    stack.send([{"timestamp": 0}])
    audit = stack.wait_settled()
    assert audit["balanced"], audit["what"]


def event(**more: Any) -> dict[str, Any]:
    return {"_id": uuid.uuid4().hex, "timestamp": 1333046104322, **more}


def raw_event(id: str, value: bytes = b"1") -> bytes:
    return b'{"_id": "%b", "timestamp": 1, "value": %b}' % (id.encode(), value)


def read(stack: Pipeline, id: str) -> Any:
    """The event with this id, once it is stored."""
    stack.wait_settled()
    response = stack.get(f"?id={quote(id, safe='')}")
    assert response.status == 200
    return response.json()["results"]


def is_stored(stack: Pipeline, id: str) -> bool:
    stack.wait_settled()
    return stack.get(f"?id={id}").status == 200


def accepted(stack: Pipeline) -> int:
    count: int = stack.audit()["accepted"]
    return count


# Bodies that are not what they say


@pytest.mark.parametrize("media", ["application/json", NDJSON, FORM])
def test_a_body_that_ends_too_early_stores_nothing(stack: Pipeline, media: str) -> None:
    whole = raw_event("cut-off")
    body = {FORM: b"data=" + whole, NDJSON: whole + b"\n" + whole}.get(media, whole)
    before = accepted(stack)

    answer = exchange(stack.url, post_head(f"Content-Length: {len(body) + 1}", media=media) + body, hang_up=True)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"body ended after %d of %d bytes" % (len(body), len(body) + 1) in answer
    assert accepted(stack) == before


def test_a_sender_that_breaks_off_stores_nothing(stack: Pipeline) -> None:
    before = accepted(stack)

    for _ in range(KEEP_OPEN):
        with connected(stack) as connection:
            connection.sendall(post_head("Content-Length: 1000") + raw_event("broken-off"))

    assert accepted(stack) == before
    assert not is_stored(stack, "broken-off")


def test_senders_that_never_finish_keep_nobody_out(stack: Pipeline) -> None:
    with ExitStack() as opened:
        for _ in range(KEEP_OPEN):
            opened.enter_context(connected(stack)).sendall(post_head("Content-Length: 1000") + b'{"timestamp"')

        assert stack.post(b'{"timestamp": 1}').status == 201


def connected(stack: Pipeline) -> socket.socket:
    return socket.create_connection((urlsplit(stack.url).hostname, stack.port), timeout=10)


def test_of_a_body_longer_than_it_says_only_so_much_is_read(stack: Pipeline) -> None:
    whole = raw_event("longer")

    cut = exchange(stack.url, post_head(f"Content-Length: {len(whole) - 1}") + whole)
    exact = exchange(stack.url, post_head(f"Content-Length: {len(whole)}") + whole + raw_event("the-rest"))

    assert cut.startswith(b"HTTP/1.1 400 ")
    assert b"truncated" in cut
    assert exact.startswith(b"HTTP/1.1 201 ")
    assert is_stored(stack, "longer")
    assert not is_stored(stack, "the-rest")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ([], 411),
        (["Transfer-Encoding: chunked"], 411),
        (["Transfer-Encoding: chunked", "Content-Length: {length}"], 400),
        (["Content-Length: {length}", "Transfer-Encoding: chunked"], 400),
        (["Content-Length: {length}", "Transfer-Encoding: identity"], 400),
        (["Content-Length: {length}", "Content-Length: 1"], 400),
        (["Content-Length: -1"], 400),
        (["Content-Length: +{length}"], 400),
        (["Content-Length: 0x10"], 400),
        (["Content-Length: much"], 400),
        (["Content-Length: " + "9" * 1000], 400),
        (["Content-Length: 9999999999999999999"], 413),
        (["Content-Length: 99999999", "Expect: 100-continue"], 413),
        (["Content_Length: {length}"], 411),
    ],
)
def test_a_length_that_is_missing_or_in_doubt_is_refused(stack: Pipeline, fields: list[str], status: int) -> None:
    whole = raw_event("doubtful")
    before = accepted(stack)

    head = post_head(*(field.format(length=len(whole)) for field in fields))
    answer = exchange(stack.url, head + (b"%x\r\n%b\r\n0\r\n\r\n" % (len(whole), whole) if fields else whole))

    assert answer.startswith(b"HTTP/1.1 %d " % status), answer
    assert accepted(stack) == before


@pytest.mark.parametrize("head", [b"nonsense\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"POST " + b"x" * 100_000, b""])
def test_what_is_no_http_is_hung_up_on(stack: Pipeline, head: bytes) -> None:
    answer = exchange(stack.url, head, hang_up=True)

    assert not answer or answer.startswith(b"HTTP/1.1 4")


def test_a_body_over_the_limit_is_refused_and_its_sender_hears_of_it(stack: Pipeline) -> None:
    response = stack.post(bytes(50 * MIB))

    assert response.status == 413
    assert response.json()["error"]["what"] == f"body of {50 * MIB} bytes; the limit is {8 * MIB}"


# Compressed bodies


def gzip_bomb() -> bytes:
    return gzip.compress(bytes(100 * MIB), compresslevel=1)


def zstd_bomb() -> bytes:
    return zstd.compress(bytes(100 * MIB))


def members_bomb() -> bytes:
    return gzip.compress(bytes(MIB)) * 100


@pytest.mark.parametrize(("encoding", "make"), [("gzip", gzip_bomb), ("zstd", zstd_bomb), ("gzip", members_bomb)])
def test_a_bomb_is_cut_off_before_it_fills_the_memory(stack: Pipeline, encoding: str, make: Any) -> None:
    bomb = make()
    memory = Memory(stack.front.pid)

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: stack.post(bomb, Content_Encoding=encoding), range(4)))

    assert [answer.status for answer in answers] == [413] * 4
    assert answers[0].json()["error"]["what"] == f"body inflates to more than {8 * MIB} bytes"
    assert memory.grown_mib() < 4 * 24  # each may hold what the limit allows, once more while that grows


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_flood_of_empty_members_is_refused(stack: Pipeline, encoding: str) -> None:
    empty = {"gzip": gzip.compress(b""), "zstd": zstd.compress(b"")}[encoding]

    response = stack.post(empty * 300_000, Content_Encoding=encoding)

    assert (response.status, response.json()["error"]["what"]) == (400, "compressed body of more than 256 members")


def test_a_small_body_of_millions_of_elements_is_refused_one_at_a_time(stack: Pipeline) -> None:
    small = gzip.compress(b"[" + b"1," * (4 * MIB - 2) + b"1]")

    alone = Memory(stack.front.pid)
    assert stack.post(small, Content_Encoding="gzip").status == 413
    most_mib = alone.grown_mib()
    together = Memory(stack.front.pid)
    with ThreadPoolExecutor(3) as threads:
        statuses = list(threads.map(lambda _: stack.post(small, Content_Encoding="gzip").status, range(3)))

    assert set(statuses) <= {413, 503}
    assert together.grown_mib() < max(most_mib, 100) * 1.5


def test_several_members_are_one_body(stack: Pipeline) -> None:
    one, two = event(), event()
    members = b"".join(gzip.compress(json.dumps(each).encode() + b"\n") for each in (one, two))

    response = stack.post(members, NDJSON, Content_Encoding="gzip")

    assert response.json()["ids"] == [one["_id"], two["_id"]]


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@pytest.mark.parametrize("spoil", [lambda body: body[:-1], lambda body: body[:10], lambda body: b"x" + body])
def test_a_compressed_body_that_is_spoilt_stores_nothing(stack: Pipeline, encoding: str, spoil: Any) -> None:
    compress = {"gzip": gzip.compress, "zstd": zstd.compress}[encoding]
    before = accepted(stack)

    response = stack.post(spoil(compress(raw_event("spoilt"))), Content_Encoding=encoding)

    assert response.status == 400
    assert accepted(stack) == before


# JSON that is not to be had


BAD = {
    "nothing": b"",
    "white space": b" \r\n\t",
    "a byte order mark": b"\xef\xbb\xbf" + raw_event("bad"),
    "UTF-16": raw_event("bad").decode().encode("utf-16"),
    "half an object": b'{"timestamp": 1, "value": ',
    "two events in a row": raw_event("bad") * 2,
    "a comma too many": b"[" + raw_event("bad") + b",]",
    "a number": b"1",
    "text": b'"timestamp"',
    "null": b"null",
    "a list in a list": b"[[" + raw_event("bad") + b"]]",
    "NaN": raw_event("bad", b"NaN"),
    "Infinity": raw_event("bad", b"Infinity"),
    "-Infinity": raw_event("bad", b"-Infinity"),
    "a float out of range": raw_event("bad", b"1e400"),
    "an int out of range": raw_event("bad", b"%d" % 2**63),
    "a negative int out of range": raw_event("bad", b"%d" % (-(2**63) - 1)),
    "an int of 5,000 digits": raw_event("bad", b"1" * 5000),
    "bad UTF-8 in text": raw_event("bad", b'"\xff\xfe"'),
    "bad UTF-8 in a key": raw_event("bad", b'{"\xff": 1}'),
    "a surrogate in UTF-8": raw_event("bad", b'"\xed\xa0\x80"'),
    "half a surrogate pair": raw_event("bad", rb'"\ud800"'),
    "half a surrogate pair in a key": raw_event("bad", rb'{"\udc00": 1}'),
    "NUL in a key": raw_event("bad", rb'{"a\u0000b": 1}'),
    "NUL itself": raw_event("bad", b'"\x00"'),
    "NUL after the end": raw_event("bad") + b"\x00",
    "a line break in text": raw_event("bad", b'"a\nb"'),
    "no timestamp": b'{"_id": "bad"}',
    "a timestamp in text": b'{"_id": "bad", "timestamp": "1"}',
    "true for a timestamp": b'{"_id": "bad", "timestamp": true}',
    "null for a timestamp": b'{"_id": "bad", "timestamp": null}',
    "an operator for a timestamp": b'{"_id": "bad", "timestamp": {"$gt": 0}}',
    "a second timestamp": b'{"_id": "bad", "timestamp": 1, "timestamp": "1"}',
    "an _id that is a number": b'{"_id": 1, "timestamp": 1}',
    "an _id that is null": b'{"_id": null, "timestamp": 1}',
    "an _id that is an operator": b'{"_id": {"$ne": ""}, "timestamp": 1}',
    "an _id that is empty": b'{"_id": "", "timestamp": 1}',
    "an _id of 129 characters": raw_event("x" * 129),
    "101 levels": raw_event("bad", b"[" * MAX_DEPTH + b"]" * MAX_DEPTH),
    "101 levels of objects": raw_event("bad", b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH),
    "100,000 brackets": b"[" * 100_000,
    "100,000 braces": b'{"a":' * 100_000,
    "100,000 brackets in an event": raw_event("bad", b"[" * 100_000),
    "100,000 levels": raw_event("bad", b"[" * 100_000 + b"]" * 100_000),
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_bad_json_is_refused_with_a_reason(stack: Pipeline, body: bytes) -> None:
    before = accepted(stack)

    answers = [stack.post(body), stack.post(b"data=" + quote(body, safe="").encode(), FORM)]
    among_good = stack.post(b"[" + raw_event("good") + b"," + body + b"]")

    for answer in answers:
        assert answer.status == 400
        assert len(answer.data) > 10
    assert all(fault["reason"] for fault in answers[0].json()["error"].get("events", ()))
    assert among_good.status == 400
    assert accepted(stack) == before


def test_sixty_thousand_events_in_a_body_are_too_many(stack: Pipeline) -> None:
    before = accepted(stack)

    answers = [
        stack.post(b"[" + b",".join([b'{"timestamp":1}'] * 60_000) + b"]"),
        stack.post(b'{"timestamp":1}\n' * 60_000, NDJSON),
    ]

    assert [answer.status for answer in answers] == [413, 413]
    assert accepted(stack) == before


def test_thousands_of_bad_events_are_all_told(stack: Pipeline) -> None:
    response = stack.post(b"{}\n" * 20_000, NDJSON, "?on_error=skip")

    assert response.status == 201
    assert response.json()["accepted"] == 0
    assert response.json()["rejected"][-1] == {"index": 19_999, "reason": "timestamp is missing"}


# JSON that looks bad and is not


STRANGE: dict[str, Any] = {
    "keys that mean something to databases": {"$set": {"a.b": 1}, "a.b": {"$where": "1"}, "$": 1, ".": 2, "": 3},
    "an operator's whole query": {"$or": [{"_id": {"$ne": None}}, {"$expr": {"$gt": ["$timestamp", 0]}}]},
    "extended JSON": {"a": {"$date": "2012-03-29T18:35:04Z"}, "b": {"$numberLong": "1"}, "c": {"$binary": {}}},
    "keys that mean something to JavaScript": {"__proto__": {"a": 1}, "constructor": None, "toString": "x"},
    "a very long key": {"k" * 200_000: 1},
    "very many keys": {f"k{n}": n for n in range(10_000)},
    "NUL in text": {"text": "a\x00b\x00"},
    "unusual text": {"text": "\u2028\u2029\ufeff\x7f\u0085\U0001f4a9\uffff", "ключ": "\\\"'</script>"},
    "the ends of 64 bits": {"most": 2**63 - 1, "least": -(2**63), "32": [2**31, -(2**31) - 1]},
    "the ends of floats": {"most": 1.7976931348623157e308, "least": 5e-324, "zero": -0.0, "third": 1 / 3},
    "ints and floats": {"list": [1, 1.0, 10**18, 1e18, True, False, None]},
    "empty things": {"list": [], "object": {}, "text": "", "nested": [[], [{}]]},
    "100 levels": {"value": json.loads("[" * 98 + "{}" + "]" * 98)},
}


@pytest.mark.parametrize("fields", STRANGE.values(), ids=STRANGE)
def test_strange_json_is_kept_as_it_is_and_read_and_followed(stack: Pipeline, fields: dict[str, Any]) -> None:
    sent = event(**fields)
    timestamp = sent["timestamp"] = -(uuid.uuid4().int % 10**15)

    with Stream(stack.url) as stream:
        stack.send([sent])
        followed = stream.doc()

    assert shape(read(stack, sent["_id"])) == shape(followed) == shape(sent)
    assert shape(stack.events(f"?start={timestamp}&end={timestamp}")) == shape([sent])


def shape(value: Any) -> str:
    """For comparing without taking 1, 1.0 and True for the same, nor minding the order of keys."""
    return json.dumps(value, sort_keys=True)


def test_what_looks_like_a_mongodb_reference_is_kept_as_it_is(stack: Pipeline) -> None:
    sent = event(value={"$ref": "events", "$id": "x", "more": 1})

    stack.send([sent])

    assert shape(read(stack, sent["_id"])) == shape(sent)


@pytest.mark.parametrize(
    "id",
    ["$ne", '{"$ne": 1}', "a b&c=d#e%", "../..", "\x00", "ü" * 128, "5f0000000000000000000000", "0", "null", "\u2028"],
)
def test_an_id_may_be_any_text(stack: Pipeline, id: str) -> None:
    sent = {"_id": id, "timestamp": 1, "nonce": uuid.uuid4().hex}

    assert stack.send([sent]) == [id]
    assert read(stack, id) == sent


def test_of_one_id_in_one_body_and_in_others_the_first_is_kept(stack: Pipeline) -> None:
    first = event(value="first")
    before = stack.wait_settled()

    stack.send([first, {**first, "value": "second"}])
    stack.send([{**first, "value": "third"}])

    after = stack.wait_settled()
    assert read(stack, first["_id"]) == first
    assert [after[name] - before[name] for name in ("accepted", "stored", "duplicate")] == [3, 1, 2]


def test_of_a_key_that_stands_there_twice_the_last_counts(stack: Pipeline) -> None:
    id = uuid.uuid4().hex

    stack.post(b'{"timestamp": "x", "_id": "y", "a": 1, "a": 2, "timestamp": 7, "_id": "%b"}' % id.encode())

    assert read(stack, id) == {"_id": id, "timestamp": 7, "a": 2}


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("lane", ["front", "api"])
def test_a_pretty_printed_event_is_followed_as_a_single_line(stack: Pipeline, lane: str, line_break: str) -> None:
    base = stack.url if lane == "front" else stack.api_url
    sent = event(text="a\nb\r\n", deep={"list": [1, 2]})

    with Stream(base) as lines, events(base) as frames:
        frames.frame()
        stack.post(json.dumps([sent], indent=2).replace("\n", line_break).encode())
        line, followed = lines.line(), frames.frame()

    assert line.endswith(b"\r\n")
    assert line.count(b"\n") == line.count(b"\r") == 1
    assert json.loads(line)["doc"] == followed.data == sent


def test_lines_may_end_as_they_do_on_windows(stack: Pipeline) -> None:
    sent = [event(), event()]

    response = stack.post("\r\n".join(map(json.dumps, sent)).encode() + b"\r\n\r\n", NDJSON)

    assert response.json()["ids"] == [each["_id"] for each in sent]


# Queries


def test_operators_in_a_query_are_text_or_nothing(stack: Pipeline) -> None:
    until(lambda: stack.count() > 0)
    everything, count = stack.get().data, stack.count()

    for ignored in ("start[$gt]=0", "end[]=0", "$where=sleep(5000)", "filter={}", "_id=x", "timestamp[$ne]=1"):
        assert stack.get(f"?{quote(ignored, safe='=[]$')}").data == everything
        assert stack.get(f"/count?{ignored}").json() == count
    for value in ('{"$ne":1}', "[$ne]", "$where", "null", "true", "' OR 1=1 --", "*", "\x00", "../etc/passwd"):
        assert stack.get(f"?id={quote(value, safe='')}&x").status in (200, 404)
        for name in ("start", "end", "limit", "after", "order"):
            assert stack.get(f"?{name}={quote(value, safe='')}").status == 400
        assert stack.get(f"/stream?after={quote(value, safe='')}").status == 400


@pytest.mark.parametrize(
    "path", ["?id=%ff%fe", "?start=%ff", "?after=%C3%28", "/%2e%2e/count", "?" + "a=1&" * 1500, "?start=" + "1" * 5000]
)
def test_any_path_and_query_gets_an_answer_that_is_no_fault(stack: Pipeline, path: str) -> None:
    for base in (stack.url, stack.api_url):
        response = urllib3.request("GET", f"{base}{PATH}{path}", retries=False, timeout=10)

        assert response.status in (200, 400, 404)


def test_noise_in_every_place_gets_no_fault(stack: Pipeline) -> None:
    for media in ("application/json", NDJSON, FORM, "text/plain"):
        for encoding in ("identity", "gzip", "zstd"):
            response = stack.post(os.urandom(1000), media, Content_Encoding=encoding)

            assert response.status == 400
