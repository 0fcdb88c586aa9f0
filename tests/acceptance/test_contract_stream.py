"""The contract's stream: old clients' lines and server-sent events, from the front and from the api's stream lane."""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline import Pipeline, until
from tests.wire import Frame, Stream, events

HEARTBEAT_TIMEOUT_S = 20.0


@pytest.fixture(params=["front", "api"])
def base(stack: Pipeline, request: pytest.FixtureRequest) -> str:
    """What serves a stream: the front with a thread a follower, and the api's lane."""
    return stack.url if request.param == "front" else stack.api_url


def event(**more: Any) -> dict[str, Any]:
    return {"_id": uuid.uuid4().hex, "timestamp": 1333046104322, **more}


def send(stack: Pipeline, *sent: dict[str, Any]) -> None:
    """Post each by itself, and return when all are stored and fed."""
    for each in sent:
        stack.send([each])
    stack.wait_settled()


def first_cursor(base: str) -> str:
    """Where following begins now."""
    with events(base) as stream:
        beginning = stream.frame()
    assert beginning.event == "cursor"
    return beginning.id


# Old clients


def test_each_change_is_a_line_of_json_with_the_event_in_doc(stack: Pipeline, base: str) -> None:
    one, two = event(text="ü\u2028"), event(timestamp=-1.5)

    with Stream(base) as stream:
        send(stack, one, two)
        lines = [stream.line(), stream.line()]

    assert stream.status == 200
    assert stream.headers["Content-Type"] == "application/json"
    assert all(line.endswith(b"\r\n") and line.count(b"\n") == 1 for line in lines)
    assert [json.loads(line)["doc"] for line in lines] == [one, two]


def test_a_follower_hears_only_of_what_comes_after_it(stack: Pipeline, base: str) -> None:
    before, after = event(), event()
    send(stack, before)

    with Stream(base) as stream:
        send(stack, after)

        assert stream.doc() == after


def test_an_event_that_is_sent_twice_is_one_change(stack: Pipeline, base: str) -> None:
    twice, last = event(), event()

    with Stream(base) as stream:
        send(stack, twice, {**twice, "timestamp": 5}, last)

        assert [stream.doc(), stream.doc()] == [twice, last]


def test_a_thousand_changes_arrive_in_order(stack: Pipeline, base: str) -> None:
    sent = [event(number=number) for number in range(1000)]

    with Stream(base) as stream:
        for at in range(0, len(sent), 100):
            stack.send(sent[at : at + 100])
        received = [stream.doc() for _ in sent]

    assert received == sent


# Server-sent events


def test_a_server_sent_event_carries_its_cursor(stack: Pipeline, base: str) -> None:
    one, two = event(), event()

    with events(base) as stream:
        beginning = stream.frame()
        send(stack, one, two)
        changes = [stream.frame(), stream.frame()]

    assert stream.status == 200
    assert stream.headers["Content-Type"] == "text/event-stream"
    assert stream.headers["Cache-Control"] == "no-store"
    assert beginning.event == "cursor"
    assert [(change.event, change.data) for change in changes] == [("message", one), ("message", two)]
    ids = [beginning.id, *(change.id for change in changes)]
    assert len(set(ids)) == 3
    assert ids == sorted(ids, key=lambda id: [int(part) for part in id.split("-")])


def test_a_follower_resumes_after_the_last_event_it_saw(stack: Pipeline, base: str) -> None:
    seen, missed, live = event(), event(), event()
    with events(base) as stream:
        stream.frame()
        send(stack, seen)
        last_seen = stream.frame()
    send(stack, missed)

    for resumed in (events(base, Last_Event_ID=last_seen.id), events(base, f"?after={last_seen.id}")):
        with resumed:
            assert resumed.frame() == Frame("cursor", last_seen.id, {})
            assert resumed.frame().data == missed

    with events(base, f"?after={last_seen.id}") as stream:
        stream.frame()
        assert stream.frame().data == missed
        send(stack, live)
        assert stream.frame().data == live


def test_the_header_stands_over_the_url_a_browser_sends_with_it(stack: Pipeline, base: str) -> None:
    before = first_cursor(base)
    send(stack, event(), event())
    with events(base, f"?after={before}") as stream:
        stream.frame()
        first, second = stream.frame(), stream.frame()

    with events(base, f"?after={before}&start=0", Last_Event_ID=first.id) as resumed:
        resumed.frame()

        assert resumed.frame() == second


def test_lines_resume_too(stack: Pipeline, base: str) -> None:
    before, missed = first_cursor(base), event()
    send(stack, missed)

    with Stream(base, f"?after={before}") as stream:
        line = json.loads(stream.line())
    with events(base, f"?after={before}") as as_events:
        as_events.frame()

        assert line == {"seq": as_events.frame().id, "doc": missed}


def test_start_first_sends_what_is_stored_from_there_on_and_then_goes_on(stack: Pipeline, base: str) -> None:
    start = time.time_ns()  # later than all that other tests have stored
    early, late, later, live = (event(timestamp=start + n) for n in (-1, 2, 0, -5))
    send(stack, early, late, later)

    with events(base, f"?start={start}&_=1") as stream:
        stored = [stream.frame(), stream.frame()]
        beginning = stream.frame()
        send(stack, live)
        change = stream.frame()
    with Stream(base, f"?start={start}") as lines:
        assert [lines.doc(), lines.doc()] == [later, late]

    assert stored == [Frame("message", "", later), Frame("message", "", late)]
    assert (beginning.event, change.data) == ("cursor", live)


def test_start_goes_on_without_a_gap_while_events_come_in(stack: Pipeline, base: str) -> None:
    # In no order: what is stored behind the reader's back, at a place it has passed, comes by the feed alone.
    start = time.time_ns()
    sent = [event(timestamp=start + n) for n in range(3000)]
    random.shuffle(sent)
    send(stack, *sent[:100])
    under_way = threading.Event()

    def post_the_rest() -> None:
        for at in range(100, len(sent), 5):
            stack.send(sent[at : at + 5])
            if at > 1000:
                under_way.set()

    with ThreadPoolExecutor(1) as thread:
        posting = thread.submit(post_the_rest)
        assert under_way.wait(20)
        with events(base, f"?start={start}") as stream:
            missing = {each["_id"] for each in sent}
            while missing:
                missing.discard(stream.frame().data.get("_id"))
        posting.result(20)

    assert not missing


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("?after=nonsense", "'nonsense' is not a cursor of the change feed"),
        ("?after=5-", "'5-' is not a cursor of the change feed"),
        ("?after=-1-0", "'-1-0' is not a cursor of the change feed"),
        ("?after=99999999999999999999", "is not a cursor of the change feed"),
        ("?start=yesterday", "start='yesterday' is not a number"),
        ("?start=NaN", "start='NaN' is not a finite number"),
        ("?after=0-0&start=yesterday", "start='yesterday' is not a number"),
    ],
)
def test_a_follower_that_is_not_understood_is_told_so(base: str, query: str, named: str, accept: str) -> None:
    with Stream(base, query, Accept=accept) as stream:
        assert stream.status == 400
        assert named in stream.body()["error"]["what"]


def test_a_bad_last_event_id_is_refused_as_well(base: str) -> None:
    with (
        events(base, Last_Event_ID="nonsense") as alone,
        events(base, "?after=nonsense", Last_Event_ID="0-0") as beside,
    ):
        assert (alone.status, beside.status) == (400, 400)


# The limits of following


@pytest.fixture(scope="module")
def forgetful(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A Coinslot that keeps the last 100 changes or so, and serves two followers at most."""
    environment = {"REDIS_URL": redis_url, "DB_BACKEND": "sqlite", "KEY_PREFIX": f"test-{uuid.uuid4().hex[:12]}"}
    environment |= {"FEED_MAX_EVENTS": "100", "FOLLOWERS_MAX": "2"}
    folder: Path = tmp_path_factory.mktemp("forgetful")
    pipeline = Pipeline(folder, environment, api=True).start()
    yield pipeline
    pipeline.stop()


@pytest.fixture(params=["front", "api"])
def forgetful_base(forgetful: Pipeline, request: pytest.FixtureRequest) -> str:
    return forgetful.url if request.param == "front" else forgetful.api_url


def follows(base: str, query: str = "") -> Stream | None:
    """A follower, or None if there is no place for one more."""
    stream = events(base, query)
    if stream.status == 503:
        with stream:
            return None
    assert stream.status == 200
    return stream


def test_a_cursor_older_than_the_feed_is_told_of_the_gap(forgetful: Pipeline, forgetful_base: str) -> None:
    stream = until(lambda: follows(forgetful_base), timeout_s=30, what="a place to follow")
    with stream:
        stream.frame()
        send(forgetful, event())
        seen = stream.frame()
    sent = [event(number=number) for number in range(1000)]
    forgetful.send(sent)
    forgetful.wait_settled()

    resumed = until(lambda: follows(forgetful_base, f"?after={seen.id}"), timeout_s=30, what="a place to follow")
    with resumed:
        assert resumed.frame() == Frame("cursor", seen.id, {})
        gap, oldest_left = resumed.frame(), resumed.frame()

        assert (gap.event, gap.data["after"]) == ("gap", seen.id)
        assert gap.id == gap.data["oldest"]
        left = sent[oldest_left.data["number"] :]
        assert 100 <= len(left) < 300
        assert [oldest_left.data, *(resumed.frame().data for _ in left[1:])] == left


def test_beyond_the_most_followers_it_is_503_until_one_leaves(forgetful: Pipeline, forgetful_base: str) -> None:
    streams = [until(lambda: follows(forgetful_base), timeout_s=30, what="a place to follow") for _ in range(2)]
    for stream in streams:
        stream.frame()
    send(forgetful, event())
    for stream in streams:
        stream.frame()

    with events(forgetful_base) as refused:
        assert refused.status == 503
        assert int(refused.headers["Retry-After"]) >= 1
        assert "As many follow already" in refused.body()["error"]["what"]

    for stream in streams:
        stream.__exit__()

    def place_again() -> Stream | None:
        send(forgetful, event())  # a change that cannot be sent shows who has left
        return follows(forgetful_base)

    with until(place_again, timeout_s=30, what="a place to follow again") as stream:
        assert stream.frame().event == "cursor"


# Quiet streams


@pytest.fixture(scope="module", autouse=True)
def quiet(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Stream]]:
    """Followers of a Coinslot to which nothing happens, from both of its servers, in both formats.

    They follow while all other tests of this file run: a quarter of a minute is long.
    """
    environment = {"REDIS_URL": redis_url, "DB_BACKEND": "sqlite", "KEY_PREFIX": f"test-{uuid.uuid4().hex[:12]}"}
    pipeline = Pipeline(tmp_path_factory.mktemp("quiet"), environment, workers=0, api=True).start()
    with ExitStack() as opened:
        opened.callback(pipeline.stop)
        bases = (pipeline.url, pipeline.api_url)
        as_events = [opened.enter_context(events(base, timeout_s=HEARTBEAT_TIMEOUT_S)) for base in bases]
        as_lines = [opened.enter_context(Stream(base, timeout_s=HEARTBEAT_TIMEOUT_S)) for base in bases]
        yield as_events + as_lines


def test_a_quiet_stream_is_kept_open_by_comments(quiet: list[Stream]) -> None:
    as_events, as_lines = quiet[:2], quiet[2:]

    for stream in as_events:
        assert stream.frame().event == "cursor"
        assert stream.line() == b": ping\n"
    for stream in as_lines:
        assert stream.line() == b"\r\n"
