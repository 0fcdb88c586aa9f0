"""Every limit, at it, one below and one above: what it lets in is stored, what it keeps out is told why."""

from __future__ import annotations

import gzip
import json
import sys
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from coinslot.events import MAX_DEPTH, MAX_ID_CHARACTERS
from coinslot.media import NDJSON
from coinslot.server.connection import MAX_FIELDS, MAX_FIELDS_BYTES, MAX_TARGET_BYTES
from coinslot.settings import Settings
from tests.pipeline import PATH, Pipeline
from tests.wire import exchange

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DEFAULTS = {name: field.default for name, field in Settings.model_fields.items()}
MAX_EVENT, MAX_BODY = DEFAULTS["max_event_bytes"], DEFAULTS["max_body_bytes"]
MAX_EVENTS = 1_000
MAX_INT = 2**63 - 1

JSON = "application/json"
EVENT = b'{"timestamp":1}'
Make = Callable[[int], bytes]


@pytest.fixture(scope="module")
def stack(redis_url: str, mongodb_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    name = f"test-{uuid.uuid4().hex[:12]}"
    environment = {"REDIS_URL": redis_url, "MONGODB_URL": mongodb_url, "DB_NAME": name, "KEY_PREFIX": name}
    environment["MAX_EVENTS_PER_POST"] = str(MAX_EVENTS)
    pipeline = Pipeline(tmp_path_factory.mktemp("stack"), environment, api=True).start()
    yield pipeline
    pipeline.stop()


@pytest.fixture(scope="module", autouse=True)
def what_was_let_in_is_stored(stack: Pipeline) -> Iterator[None]:
    yield
    audit = stack.wait_settled()
    assert audit["balanced"], audit["what"]
    # Counted through the index: the count of all may be off for some seconds after it was asked for under load.
    assert (audit["dead"], stack.get(f"/count?start=-{MAX_INT + 1}").json()) == (0, audit["stored"])


def valued(value: bytes) -> bytes:
    return b'{"timestamp":1,"value":%b}' % value


def event_of(size: int) -> bytes:
    return valued(b'"%b"' % (b"x" * (size - len(valued(b'""')))))


def nested(depth: int, opening: bytes, closing: bytes, core: bytes = b"") -> bytes:
    return valued(opening * (depth - 1) + core + closing * (depth - 1))


def with_id(character: str) -> Make:
    return lambda length: json.dumps({"_id": character * length, "timestamp": 1}, ensure_ascii=False).encode()


# What is counted, how much of it may come, a body with so much of it, and what it is told where there is more.
LIMITS: dict[str, tuple[int, Make, int, str]] = {
    "bytes of an event": (MAX_EVENT, event_of, 413, f"event of {MAX_EVENT + 1} bytes; the limit is {MAX_EVENT}"),
    "bytes of an event in an array": (MAX_EVENT, lambda n: b"[%b,%b]" % (EVENT, event_of(n)), 413, "the limit is"),
    "bytes of a body": (MAX_BODY, EVENT.ljust, 413, f"body of {MAX_BODY + 1} bytes; the limit is {MAX_BODY}"),
    "events": (MAX_EVENTS, lambda n: b"[" + b",".join([EVENT] * n) + b"]", 413, f"the limit is {MAX_EVENTS}"),
    "levels of lists": (MAX_DEPTH, lambda n: nested(n, b"[", b"]"), 400, "nested deeper than 100"),
    "levels of objects": (MAX_DEPTH, lambda n: nested(n, b'{"a":', b"}", b"1"), 400, "nested deeper than 100"),
    "characters of an _id": (MAX_ID_CHARACTERS, with_id("x"), 400, "_id is not a string of 1 to 128 characters"),
    "characters of two bytes": (MAX_ID_CHARACTERS, with_id("ü"), 400, "_id is not a string"),
    "characters of three bytes": (MAX_ID_CHARACTERS, with_id("\u2028"), 400, "_id is not a string"),
    "characters of four bytes": (MAX_ID_CHARACTERS, with_id("\U0001d11e"), 400, "_id is not a string"),
    "a value": (MAX_INT, lambda n: valued(b"%d" % n), 400, "an integer does not fit in 64 bits"),
    "a value below 0": (MAX_INT + 1, lambda n: valued(b"-%d" % n), 400, "an integer does not fit in 64 bits"),
    "a timestamp": (MAX_INT, lambda n: b'{"timestamp":%d}' % n, 400, "an integer does not fit in 64 bits"),
    "a timestamp below 0": (MAX_INT + 1, lambda n: b'{"timestamp":-%d}' % n, 400, "an integer does not fit"),
}


@pytest.mark.parametrize(("limit", "make", "status", "what"), LIMITS.values(), ids=LIMITS)
def test_a_limit_is_kept_to_the_one(stack: Pipeline, limit: int, make: Make, status: int, what: str) -> None:
    answers = [stack.post(make(amount)) for amount in (limit - 1, limit, limit + 1)]

    assert [answer.status for answer in answers] == [201, 201, status]
    assert what in answers[-1].data.decode()


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("zstd", zstd.compress)])
def test_the_limit_of_a_body_is_that_of_what_it_inflates_to(stack: Pipeline, encoding: str, compress: Any) -> None:
    bodies = [compress(EVENT.ljust(size)) for size in (MAX_BODY - 1, MAX_BODY, MAX_BODY + 1)]

    answers = [stack.post(body, Content_Encoding=encoding) for body in bodies]

    assert [answer.status for answer in answers] == [201, 201, 413]
    assert answers[-1].json()["error"]["what"] == f"body inflates to more than {MAX_BODY} bytes"


def test_the_limit_of_lines_is_that_of_events(stack: Pipeline) -> None:
    bodies = [(EVENT + b"\n") * events for events in (MAX_EVENTS - 1, MAX_EVENTS, MAX_EVENTS + 1)]

    assert [stack.post(body, NDJSON).status for body in bodies] == [201, 201, 413]


def test_an_id_has_at_least_one_character(stack: Pipeline) -> None:
    assert [stack.post(with_id("x")(length)).status for length in (0, 1)] == [400, 201]


@pytest.mark.parametrize(("limit", "status"), [(0, 400), (1, 200), (9_999, 200), (10_000, 200), (10_001, 400)])
def test_a_page_has_a_limit(stack: Pipeline, limit: int, status: int) -> None:
    assert stack.get(f"?limit={limit}").status == status


# What the web server itself takes, and the fast lane, which hands over what is larger


def get(target: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join([b"GET %b HTTP/1.1" % target, b"Host: t", b"Connection: close", *fields, b"", b""])


def post(target: bytes, *fields: bytes) -> bytes:
    ours = [b"Host: t", b"Connection: close", b"Content-Type: text/plain", b"Content-Length: %d" % len(EVENT)]
    return b"\r\n".join([b"POST %b HTTP/1.1" % target, *ours, *fields, b"", EVENT])


Build = Callable[..., bytes]
BASES: dict[str, tuple[str, bytes, Build, int]] = {
    "lane": ("url", PATH.encode(), post, 201),
    "front": ("url", b"/alive", get, 200),
    "api": ("api_url", b"/alive", get, 200),
}


@pytest.fixture(params=BASES.values(), ids=BASES)
def asked(stack: Pipeline, request: pytest.FixtureRequest) -> tuple[str, bytes, Build, int]:
    """Where to, what for, how, and the status where all is well."""
    url, target, build, well = request.param
    return getattr(stack, url), target, build, well


def status(base: str, sent: bytes) -> int:
    return int(exchange(base, sent).split()[1])


def test_a_header_has_at_most_100_fields(asked: tuple[str, bytes, Build, int]) -> None:
    base, target, build, well = asked
    others = build(target).count(b": ")

    heads = [
        build(target, *[b"X-%d: 1" % n for n in range(fields - others)])
        for fields in (MAX_FIELDS - 1, MAX_FIELDS, MAX_FIELDS + 1)
    ]

    assert [status(base, head) for head in heads] == [well, well, 431]


def test_a_url_has_at_most_65534_bytes_whatever_stands_in_it(asked: tuple[str, bytes, Build, int]) -> None:
    base, target, build, well = asked
    sizes = (MAX_TARGET_BYTES - 1, MAX_TARGET_BYTES, MAX_TARGET_BYTES + 1, 4 * MAX_TARGET_BYTES)

    targets = [(target + b"?").ljust(size, b"x") for size in sizes]
    many = target + b"?" + b"&".join([b"start=1"] * 8_000)

    assert [status(base, build(target)) for target in targets] == [well, well, 414, 414]
    assert status(base, build(many)) == well


def test_the_fields_of_a_header_have_at_most_64_kib_together(asked: tuple[str, bytes, Build, int]) -> None:
    base, target, build, well = asked
    fields = build(target).partition(b"\r\n\r\n")[0].partition(b"\r\n")[2]
    room = MAX_FIELDS_BYTES - len(fields) - len(b"\r\n") - len(b"X: \r\n")

    heads = [build(target, b"X: " + b"x" * size) for size in (room - 1, room, room + 1, 10 * MAX_FIELDS_BYTES)]

    assert [status(base, head) for head in heads] == [well, well, 431, 431]


def test_what_is_too_large_is_told_in_the_shape_of_all_errors(asked: tuple[str, bytes, Build, int]) -> None:
    base, target, build, _ = asked

    head, _, body = exchange(base, build(target + b"?" + b"x" * MAX_TARGET_BYTES)).partition(b"\r\n\r\n")

    assert json.loads(body) == {"error": {"what": f"the URL has more than {MAX_TARGET_BYTES} bytes"}}
    assert b"connection: close" in head.split(b"\r\n")
