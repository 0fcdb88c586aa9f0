"""What coinslot/store/protocol.py promises, asked of every store."""

from __future__ import annotations

import json
import multiprocessing
import time
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pymongo
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from coinslot.errors import BadCursor
from coinslot.events import MAX_DEPTH, RECEIVED_AT, Dead, Event
from coinslot.match import Match, parse
from coinslot.settings import Settings
from coinslot.store import DUPLICATE, STORED, Bank, Cursor, Store, open_store
from coinslot.store.chunks import split

KEEPING = ("mongodb", "sqlite", "memory")
ALL = (*KEEPING, "dummy")

DAY_S = 24 * 60 * 60
TODAY_MS = 1_790_000_000_000  # as clients send it; beyond 32 bits, and so of another type in MongoDB

NewSettings = Callable[[str], Settings]


@pytest.fixture
def new_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewSettings]:
    """Settings of a store of one's own, with nothing in it."""
    databases: list[tuple[str, str]] = []

    def new(db_backend: str) -> Settings:
        name = f"test_{uuid.uuid4().hex}"
        url = request.getfixturevalue("mongodb_url") if db_backend == "mongodb" else ""
        databases.append((url, name))
        return Settings.load(db_backend=db_backend, mongodb_url=url, db_name=name, data_dir=tmp_path / name)

    yield new
    for url, name in databases:
        if url:
            with pymongo.MongoClient[dict[str, Any]](url) as client:
                client.drop_database(name)


@pytest.fixture(params=KEEPING)
def settings(request: pytest.FixtureRequest, new_settings: NewSettings) -> Settings:
    return new_settings(request.param)


@pytest.fixture
def store(settings: Settings) -> Iterator[Bank]:
    store = open_store(settings)
    yield store
    store.close()


@pytest.fixture(params=ALL)
def filled(request: pytest.FixtureRequest, new_settings: NewSettings) -> Iterator[Bank]:
    """A store with events in it: these, or in the dummy's case its own."""
    store = open_store(new_settings(request.param))
    store.insert([an_event(f"{number:02}", timestamp) for number, timestamp in enumerate([5, 1, 3, 3, 3, 2.5, 4])])
    yield store
    store.close()


def an_event(id: str, timestamp: int | float, **fields: object) -> Event:
    fields = {"_id": id, "timestamp": timestamp, **fields}
    return Event(msgspec.json.encode(fields))


def received(event: Event, days_ago: float) -> Event:
    return Event(event.raw, int((time.time() - days_ago * DAY_S) * 1000))


def erase(store: Bank, match: Match) -> int:
    """All steps of it."""
    after, removed = "", 0
    while True:
        found = store.matching(match, after)
        assert found.events == len(found.hits)
        if found.hits:
            removed += store.remove(match, found.hits)
        if found.after is None:
            return removed
        after = found.after


def place(event: bytes) -> Cursor:
    fields = json.loads(event)
    return Cursor(fields["timestamp"], fields["_id"])


class TestInsert:
    def test_answers_one_outcome_for_each_event_in_their_order(self, store: Store) -> None:
        store.insert([an_event("b", 1)])

        outcomes = store.insert([an_event("a", 1), an_event("b", 1), an_event("c", 1)])

        assert outcomes == [STORED, DUPLICATE, STORED]

    def test_an_id_that_comes_twice_in_one_call_is_stored_the_first_time(self, store: Store) -> None:
        first, second = an_event("a", 1, text="first"), an_event("a", 2, text="second")

        outcomes = store.insert([first, second])

        assert outcomes == [STORED, DUPLICATE]
        assert list(split(store.find())) == [first.raw]

    def test_a_duplicate_changes_nothing(self, store: Store) -> None:
        original = an_event("a", 1, text="original")
        store.insert([original])

        outcomes = store.insert([an_event("a", 2, text="another")])

        assert outcomes == [DUPLICATE]
        assert store.get("a") == original.raw
        assert store.count() == 1

    def test_no_events_have_no_outcomes(self, store: Store) -> None:
        outcomes = store.insert([])

        assert outcomes == []

    @pytest.mark.parametrize(
        "raw",
        [
            pytest.param(rb'{"_id":"\ud800","timestamp":1}', id="an id that is not Unicode"),
            pytest.param(b'{"_id":"bad","timestamp":1,"text":"\xff"}', id="text that is not UTF-8"),
            pytest.param(b'{"_id":"bad","timestamp":%d}' % 2**70, id="a timestamp beyond 64 bits"),
            pytest.param(b'{"timestamp":1}', id="no id"),
            pytest.param(b'{"_id":"bad"}', id="no timestamp"),
            pytest.param(b"1", id="no object"),
        ],
    )
    def test_an_event_that_cannot_be_stored_is_dead_and_keeps_no_other_out(self, store: Store, raw: bytes) -> None:
        outcomes = store.insert([an_event("a", 1), Event(raw), an_event("b", 2)])

        assert [type(outcome) for outcome in outcomes] == [type(STORED), Dead, type(STORED)]
        assert [place(event).id for event in split(store.find())] == ["a", "b"]

    @pytest.mark.parametrize("pool", ["threads", "processes"])
    def test_the_same_events_from_many_sides_at_once_are_stored_once(
        self, store: Store, settings: Settings, pool: str
    ) -> None:
        spawn = multiprocessing.get_context("spawn")
        executor: Executor = ThreadPoolExecutor(4) if pool == "threads" else ProcessPoolExecutor(3, mp_context=spawn)

        with executor:
            stored = sum(executor.map(insert_and_count_stored, [settings] * 6, range(0, 600, 100)))

        assert stored == store.count() == len(list(split(store.find()))) == 800


def insert_and_count_stored(settings: Settings, first: int) -> int:
    """Insert 300 events, 200 of which the neighbours insert too, as a process of its own does."""
    store = open_store(settings)
    numbers = range(first, first + 300)
    outcomes = [
        outcome
        for start in range(0, 300, 50)
        for outcome in store.insert([an_event(f"{number:04}", number) for number in numbers[start : start + 50]])
    ]
    store.close()
    return outcomes.count(STORED)


class TestWhatIsStored:
    @pytest.mark.parametrize(
        "value",
        [
            pytest.param('grün 🎰 \x00 \n \u2028 \ufeff "quoted" \\', id="text"),
            pytest.param([2**63 - 1, -(2**63), 2**53 + 1, 0], id="ints of 64 bits"),
            pytest.param([1.0, -0.5, 1e300, 5e-324, 0.1 + 0.2], id="floats"),
            pytest.param([True, False, None, {}, [], ""], id="the small ones"),
            pytest.param({"$set": {"$gt": ""}, "a.b": 1, "": 2, "__proto__": 3}, id="names that mean something"),
        ],
    )
    def test_comes_back_as_posted(self, store: Store, value: object) -> None:
        event = an_event("a", 1, value=value)

        store.insert([event])

        assert store.get("a") == event.raw
        assert list(split(store.find())) == [event.raw]

    def test_may_be_nested_as_deep_as_the_door_allows(self, store: Store) -> None:
        value: object = 1
        for level in range(MAX_DEPTH - 1):
            value = [value] if level % 2 else {"in": value}
        event = an_event("a", 1, value=value)

        outcomes = store.insert([event])

        assert outcomes == [STORED]
        assert store.get("a") == event.raw

    def test_is_there_for_whoever_opens_the_same_store(self, store: Store, settings: Settings) -> None:
        event = an_event("a", 1)
        store.insert([event])

        other = open_store(settings)
        found = list(split(other.find()))
        other.close()

        assert found == [event.raw]

    timestamps = st.one_of(
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from([0, -0.0, 0.0, 1, 1.0, 2**53, 2**53 + 1, float(2**53), 2**63 - 1, float(2**63), -(2**63)]),
    )
    ids = st.one_of(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128),
        st.sampled_from(["a", "aa", "B", "\x00", "~", "\uffff", "\U00010000"]),  # UTF-16 orders the last two otherwise
    )

    @given(places=st.lists(st.tuples(timestamps, ids), unique_by=lambda place: place[1], max_size=30))
    @hypothesis_settings(
        max_examples=20,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    def test_is_ordered_by_timestamp_and_id(
        self, settings: Settings, new_settings: NewSettings, places: list[tuple[int | float, str]]
    ) -> None:
        store = open_store(new_settings(settings.db_backend))

        store.insert([an_event(id, timestamp) for timestamp, id in places])
        found = [place(event) for event in split(store.find())]
        below_zero = store.count(end=-1)
        store.close()

        # Python compares an int with a float exactly, and strings by code points, which is UTF-8's order.
        assert found == sorted(Cursor(*place) for place in places)
        assert below_zero == sum(timestamp <= -1 for timestamp, _ in places)


class TestFind:
    def test_answers_all_events_in_order(self, filled: Store) -> None:
        events = [place(event) for event in split(filled.find())]

        assert events == sorted(events)
        assert len(events) >= 7

    def test_answers_chunks_of_whole_lines(self, filled: Store) -> None:
        chunks = list(filled.find())

        assert all(chunk.endswith(b"\n") for chunk in chunks)
        assert [json.loads(line) for line in b"".join(chunks).splitlines()] == list(map(json.loads, split(chunks)))

    def test_answers_chunks_that_are_small_whatever_the_events(self, store: Store) -> None:
        sizes = [10, 300_000, 1000, 200_000, 1_000_000, 1_000_000, 10, 10]
        events = [an_event(f"{number}", number, text="x" * size) for number, size in enumerate(sizes * 10)]
        store.insert(events)

        chunks = list(store.find())

        assert list(split(chunks)) == [event.raw for event in events]
        assert all(len(chunk) - len(chunk.splitlines()[-1]) <= 256 * 1024 for chunk in chunks)

    def test_descending_is_the_reverse(self, filled: Store) -> None:
        events = list(split(filled.find()))

        assert list(split(filled.find(descending=True))) == events[::-1]

    def test_start_and_end_are_in_the_range(self, filled: Store) -> None:
        events = list(split(filled.find()))
        start, end = place(events[1]).timestamp, place(events[-2]).timestamp

        assert list(split(filled.find(start=start))) == [e for e in events if place(e).timestamp >= start]
        assert list(split(filled.find(end=end))) == [e for e in events if place(e).timestamp <= end]
        assert list(split(filled.find(start, end))) == [e for e in events if start <= place(e).timestamp <= end]
        assert list(split(filled.find(start, start))) == [e for e in events if place(e).timestamp == start]

    def test_a_range_may_hold_nothing(self, filled: Store) -> None:
        last = place(list(split(filled.find()))[-1]).timestamp

        assert list(split(filled.find(start=last + 1))) == []
        assert list(split(filled.find(start=last, end=last - 1))) == []

    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("limit", [1, 2, 100])
    def test_page_after_page_gives_the_same_as_one_pass(self, filled: Store, limit: int, descending: bool) -> None:
        events = list(split(filled.find()))
        start, end = place(events[1]).timestamp, place(events[-2]).timestamp
        pages: list[list[bytes]] = []
        after = None

        while page := list(split(filled.find(start, end, after=after, limit=limit, descending=descending))):
            pages.append(page)
            after = place(page[-1])

        assert [event for page in pages for event in page] == list(
            split(filled.find(start, end, descending=descending))
        )
        assert all(len(page) == limit for page in pages[:-1])

    @pytest.mark.parametrize("descending", [False, True])
    def test_a_cursor_from_outside_the_range_does_not_widen_it(self, filled: Store, descending: bool) -> None:
        events = list(split(filled.find()))
        first, last = place(events[0]), place(events[-1])
        start, end = place(events[1]).timestamp, place(events[-2]).timestamp
        before, beyond = (last, first) if descending else (first, last)

        found = list(split(filled.find(start, end, after=before, descending=descending)))
        found_beyond = list(split(filled.find(start, end, after=beyond, descending=descending)))

        assert found == list(split(filled.find(start, end, descending=descending)))
        assert found_beyond == []

    def test_a_cursor_need_not_be_the_place_of_an_event(self, filled: Store) -> None:
        events = list(split(filled.find()))
        timestamp, id = place(events[2])

        found = list(split(filled.find(after=Cursor(timestamp, id + "\x00"))))

        assert found == events[3:]

    def test_a_limit_may_be_none_at_all_or_more_than_there_is(self, filled: Store) -> None:
        events = list(split(filled.find()))

        assert list(split(filled.find(limit=0))) == []
        assert list(split(filled.find(limit=10_000))) == events

    def test_a_reader_may_leave_halfway(self, store: Store) -> None:
        store.insert([an_event(f"{number:05}", number) for number in range(3000)])

        events = split(store.find())
        first = next(events)
        del events

        assert place(first).id == "00000"
        assert store.insert([an_event("later", 1)]) == [STORED]

    def test_reads_twenty_thousand_events_in_flat_memory(self, store: Store) -> None:
        text = "x" * 1000
        for first in range(0, 20_000, 1000):
            store.insert([an_event(f"{number:05}", number, text=text) for number in range(first, first + 1000)])

        found, streaming_bytes = with_peak_memory(lambda: sum(1 for _ in split(store.find())))
        kept, keeping_bytes = with_peak_memory(lambda: len(list(split(store.find()))))

        assert found == kept == 20_000
        assert streaming_bytes < 5_000_000
        assert keeping_bytes > 20_000_000  # the meter does see what is kept


def with_peak_memory(work: Callable[[], int]) -> tuple[int, int]:
    tracemalloc.start()
    try:
        result = work()
        return result, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class TestGet:
    def test_answers_the_event_as_find_does(self, filled: Store) -> None:
        events = list(split(filled.find()))

        assert [filled.get(place(event).id) for event in events] == events

    @pytest.mark.parametrize("id", ["no such id", "", "0123456789abcdef01234567"])
    def test_answers_none_for_an_id_that_nobody_has(self, filled: Store, id: str) -> None:
        assert filled.get(id) is None


class TestCount:
    def test_counts_what_find_answers(self, filled: Store) -> None:
        events = list(split(filled.find()))
        start, end = place(events[1]).timestamp, place(events[-2]).timestamp

        assert filled.count() == len(events)
        assert filled.count(float("-inf")) == len(events)
        assert filled.count(start=start) == len(list(split(filled.find(start=start))))
        assert filled.count(end=end) == len(list(split(filled.find(end=end))))
        assert filled.count(start, end) == len(list(split(filled.find(start, end))))
        assert filled.count(end, start) == 0

    def test_is_nothing_for_a_new_store(self, store: Store) -> None:
        assert store.count() == store.count(0) == 0


class TestErasing:
    def test_removes_what_matches_and_nothing_else_and_counts_it(self, store: Bank) -> None:
        theirs = [an_event(f"b{n:04}", TODAY_MS + n, user_id="other") for n in range(3000)]
        mine = [an_event(f"a{n:04}", TODAY_MS + n, user_id="me") for n in range(3000)]
        for first in range(0, 3000, 500):
            store.insert([*mine[first : first + 500], *theirs[first : first + 500]])

        erased = [erase(store, parse("user_id", "me")), erase(store, parse("user_id", "me"))]

        assert erased == [3000, 0]
        assert list(split(store.find())) == [event.raw for event in theirs]
        assert store.count() == store.count(float("-inf")) == 3000
        assert store.get("a0000") is None

    def test_of_an_event_posted_again_stores_it_anew(self, store: Bank) -> None:
        event = an_event("a", 1, user_id="me")
        store.insert([event])
        erase(store, parse("user_id", "me"))

        outcomes = store.insert([event])

        assert outcomes == [STORED]
        assert store.get("a") == event.raw

    def test_looks_at_a_few_thousand_events_in_a_step(self, store: Bank) -> None:
        for first in range(0, 12_000, 1000):
            store.insert([an_event(f"{n:05}", n + 0.5, user_id="other") for n in range(first, first + 1000)])

        found = store.matching(parse("user_id", "me"), "")

        assert (found.events, found.after is None) == (0, False)

    def test_removes_nothing_of_what_was_found_and_has_been_replaced_since(self, store: Bank) -> None:
        match = parse("user_id", "me")
        store.insert([an_event("a", 1, user_id="me"), an_event("b", 1, user_id="me")])
        found = store.matching(match, "")
        erase(store, match)
        store.insert([an_event("a", 1, user_id="other"), an_event("b", 1, user_id="me")])

        removed = store.remove(match, found.hits)

        assert removed == 1
        assert [place(event).id for event in split(store.find())] == ["a"]

    @pytest.mark.parametrize(
        ("field", "value", "ids"),
        [
            ("_id", "c", ["c"]),
            ("timestamp", 1, ["a", "b"]),
            ("user_id", "", ["b"]),
            ("user.id", "me", ["c", "d"]),
            ("n", 1, ["a", "b"]),
            ("n", True, ["c"]),
            ("n", 2**63 - 1, ["d"]),
            ("nothing", "me", []),
            ("timestamp.x", 1, []),
            ("_id.x", "c", []),
        ],
    )
    def test_means_the_same_in_every_store(self, store: Bank, field: str, value: Any, ids: list[str]) -> None:
        store.insert(
            [
                an_event("a", 1, user_id="me", n=1),
                an_event("b", 1.0, user_id="", n=1.0),
                an_event("c", 2, user={"id": "me"}, n=True),
                an_event("d", 3, user=[{"id": "x"}, {"id": "me"}], n=2**63 - 1),
                an_event("e", 4, **{"user.id": "me", "n": None, "$where": 1}),
            ]
        )

        erased = erase(store, parse(field, value))

        assert erased == len(ids)
        assert sorted({"a", "b", "c", "d", "e"} - set(ids)) == [place(event).id for event in split(store.find())]

    @pytest.mark.parametrize("after", ["x", "W10", "WzEse31d", "$", "\x00"])
    def test_refuses_a_place_that_it_never_gave_out(self, store: Bank, after: str) -> None:
        with pytest.raises(BadCursor):
            store.matching(parse("user_id", "me"), after)


class TestExpiring:
    def test_hides_when_an_event_was_received_and_gives_it_back_as_posted(self, store: Bank) -> None:
        event = received(an_event("a", 1), days_ago=1)
        store.insert([event])

        assert store.get("a") == event.raw
        assert list(split(store.find())) == list(split(store.find(descending=True, limit=1))) == [event.raw]
        assert RECEIVED_AT.encode() not in event.raw

    def test_can_be_asked_for_changed_and_ended_at_any_time_by_many_at_once(
        self, store: Bank, settings: Settings
    ) -> None:
        store.insert([received(an_event("a", 1), days_ago=1)])

        with ThreadPoolExecutor(4) as threads:
            for days in (7, 7, 30, 0, 0, 7, 0):
                removed = list(threads.map(store.expire, [days] * 4))
                assert removed == [0] * 4

        assert store.count() == 1

    def test_before_there_is_anything_is_no_trouble(self, store: Bank) -> None:
        assert [store.expire(0), store.expire(1), store.expire(0)] == [0, 0, 0]


@pytest.mark.parametrize("db_backend", ["sqlite", "memory"])
def test_without_a_rule_in_the_database_expiring_removes_the_old_and_keeps_the_young_and_those_of_unknown_age(
    new_settings: NewSettings, db_backend: str
) -> None:
    store = open_store(new_settings(db_backend))
    store.insert([received(an_event(f"{n:04}", n), days_ago=8) for n in range(1500)])
    store.insert([received(an_event("young", 1), days_ago=6), an_event("unknown", 2)])

    removed = [store.expire(0), store.expire(7), store.expire(7), store.expire(7)]

    assert removed == [0, 1000, 500, 0]
    assert [place(event).id for event in split(store.find())] == ["young", "unknown"]
    assert store.count() == 2
    store.close()


def test_a_store_that_works_answers_the_ping(filled: Store) -> None:
    filled.ping()


def test_the_dummy_forgets_what_it_says_it_stored(new_settings: NewSettings) -> None:
    store = open_store(new_settings("dummy"))
    before = list(split(store.find()))

    outcomes = store.insert([an_event("a", 1), an_event("a", 1)])

    assert outcomes == [STORED, STORED]
    assert store.get("a") is None
    assert list(split(store.find())) == before
