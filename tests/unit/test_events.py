"""The check at the door: what it lets in can be stored, and what it keeps out is told why."""

from __future__ import annotations

import json
import math
from typing import Any

import bson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coinslot.event_check import EventCheck
from coinslot.events import MAX_DEPTH, BadEvent, Event, EventTooLarge, TooManyEvents, split, trusted
from coinslot.mint import Mint
from coinslot.store.mongodb_documents import to_json

MAX_BYTES = 1024 * 1024

check = EventCheck(MAX_BYTES, mint=lambda: "minted")


def let_in(raw: bytes) -> Event:
    """As the worker reads it."""
    (event,) = trusted(b"[%b]" % check(raw)[1])
    return event


def with_value(value: bytes) -> bytes:
    return b'{"timestamp": 1, "value": %b}' % value


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    """An event whose containers, itself among them, are nested so deep."""
    return with_value(opening * (depth - 1) + b"1" * (opening != b"[") + closing * (depth - 1))


def test_an_event_is_kept_as_it_came_and_decoded_when_asked() -> None:
    event = let_in(b'{"_id": "mine", "timestamp": 1333046104322, "email_type": "secondary"}')

    assert event.raw == b'{"_id": "mine", "timestamp": 1333046104322, "email_type": "secondary"}'
    assert event.fields == {"_id": "mine", "timestamp": 1333046104322, "email_type": "secondary"}
    assert event.id == "mine"


def test_an_event_without_an_id_gets_one_before_all_else() -> None:
    event = let_in(b' {"timestamp": 1}')

    assert event.raw == b'{"_id":"minted","timestamp": 1}'
    assert event.fields == {"_id": "minted", "timestamp": 1}


def test_an_id_that_is_spelt_with_escapes_is_an_id() -> None:
    event = let_in(rb'{"\u005fid": "mine", "timestamp": 1}')

    assert event.id == "mine"


def test_minted_ids_differ_and_pass_the_check() -> None:
    mint = Mint()
    ids = [mint() for _ in range(1000)]

    events = [let_in(b'{"_id": "%b", "timestamp": 1}' % id.encode()) for id in ids]

    assert [event.id for event in events] == ids == sorted(set(ids))


def test_line_breaks_between_tokens_become_spaces() -> None:
    event = let_in(b'{\r\n  "timestamp": 1,\n  "text": "a\\r\\nb"\r}\n')

    assert not {b"\r", b"\n"} & {event.raw[at : at + 1] for at in range(len(event.raw))}
    assert event.fields["text"] == "a\r\nb"


@pytest.mark.parametrize(
    "timestamp", [b"0", b"-1", b"1333046104322", b"1333046104.322", b"1e3", b"-0.0", b"%d" % (2**63 - 1)]
)
def test_any_finite_number_is_a_timestamp(timestamp: bytes) -> None:
    event = let_in(b'{"timestamp": %b}' % timestamp)

    assert event.fields["timestamp"] == json.loads(timestamp)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"{}", "timestamp is missing"),
        (b'{"Timestamp": 1}', "timestamp is missing"),
        (b'{"timestamp": true}', "timestamp is not a number"),
        (b'{"timestamp": "1"}', "timestamp is not a number"),
        (b'{"timestamp": null}', "timestamp is not a number"),
        (b'{"timestamp": [1]}', "timestamp is not a number"),
        (b'{"timestamp": {"$gt": 0}}', "timestamp is not a number"),
        (b'{"timestamp": 1, "timestamp": "the last one counts"}', "timestamp is not a number"),
        (b"[]", "event is not a JSON object"),
        (b'"timestamp"', "event is not a JSON object"),
        (b"null", "event is not a JSON object"),
        (b'{"timestamp": 1, "_id": 5}', "_id is not a string of 1 to 128 characters"),
        (b'{"timestamp": 1, "_id": null}', "_id is not a string of 1 to 128 characters"),
        (b'{"timestamp": 1, "_id": {"$oid": "0"}}', "_id is not a string of 1 to 128 characters"),
        (b'{"timestamp": 1, "_id": ""}', "_id is not a string of 1 to 128 characters"),
        (b'{"timestamp": 1, "_id": "%b"}' % (b"x" * 129), "_id is not a string of 1 to 128 characters"),
        (rb'{"timestamp": 1, "a\u0000b": 1}', "must not contain the NULL byte"),
        (rb'{"timestamp": 1, "deep": [{"\u0000": 1}]}', "must not contain the NULL byte"),
        (with_value(b"NaN"), "JSON is malformed"),
        (with_value(b"Infinity"), "JSON is malformed"),
        (with_value(b"-Infinity"), "JSON is malformed"),
        (with_value(b"1e400"), "out of range"),
        (with_value(b"%d" % 2**63), "does not fit in 64 bits"),
        (with_value(b"%d" % (-(2**63) - 1)), "does not fit in 64 bits"),
        (with_value(b"9" * 5000), "out of range"),
        (with_value(b'"\xff"'), "UTF-8"),
        (with_value(b'"\xed\xa0\x80"'), "UTF-8"),
        (b'{"timestamp": 1, "\xff": 1}', "UTF-8"),
        (b'\xef\xbb\xbf{"timestamp": 1}', "byte 0"),
        (b'{"timestamp": 1', "truncated"),
        (b'{"timestamp": 1} {}', "trailing characters"),
        (with_value(b'"a\nb"'), "JSON is malformed"),
    ],
)
def test_a_bad_event_is_refused_with_its_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(BadEvent, match=reason):
        check(raw)


@pytest.mark.parametrize("raw", [rb'{"timestamp": 1, "a": "\ud800"}', rb'{"timestamp": 1, "\udfff": 1}'])
def test_half_a_surrogate_pair_is_refused(raw: bytes) -> None:
    with pytest.raises(BadEvent):
        check(raw)


def test_a_nul_in_a_value_is_kept() -> None:
    assert let_in(with_value(rb'"a\u0000b"')).fields["value"] == "a\x00b"


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63)])
def test_the_ends_of_64_bits_are_inside(value: int) -> None:
    assert let_in(with_value(b"%d" % value)).fields["value"] == value


def test_an_id_of_128_characters_is_taken_however_many_bytes_they_have() -> None:
    id = "ü" * 128

    assert let_in(json.dumps({"_id": id, "timestamp": 1}, ensure_ascii=False).encode()).id == id


def test_of_a_key_that_stands_there_twice_the_last_counts() -> None:
    event = let_in(b'{"timestamp": "x", "timestamp": 2, "_id": "a", "_id": "b"}')

    assert event.fields == {"timestamp": 2, "_id": "b"}


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"[":', b"}]")])
def test_nesting_is_counted_in_lists_and_objects(opening: bytes, closing: bytes) -> None:
    levels = opening.count(b"[") - opening.count(b'"[') + opening.count(b"{")
    most = (MAX_DEPTH - 1) // levels + 1

    assert check(nested(most, opening, closing))
    with pytest.raises(BadEvent, match="nested deeper than 100"):
        check(nested(most + 1, opening, closing))


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert check(with_value(b"[" + b",".join([b"{}"] * 1000) + b"]"))
    assert check(with_value(b'"' + b"[" * 1000 + b'"'))


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"a":' * 100_000, nested(100_000)])
def test_a_hundred_thousand_brackets_are_refused(raw: bytes) -> None:
    with pytest.raises(BadEvent, match="nested deeper than 100"):
        check(raw)


def test_an_event_may_be_as_large_as_the_limit_and_no_larger() -> None:
    fits = with_value(b'"%b"' % (b"x" * 100))

    assert EventCheck(len(fits))(fits)
    with pytest.raises(EventTooLarge, match=f"event of {len(fits)} bytes; the limit is {len(fits) - 1}"):
        EventCheck(len(fits) - 1)(fits)


def test_an_array_is_split_into_the_bytes_of_its_elements() -> None:
    assert split(b'[{"timestamp": 1.50}, "a]b" ,3, \n[]]') == [b'{"timestamp": 1.50}', b'"a]b"', b"3", b"[]"]
    assert split(b"[]") == []


@pytest.mark.parametrize("text", [b"[", b"[1,]", b"[1 2]", b"[1] 2", b"{}", b"", b"[" * 100_000])
def test_what_is_no_array_is_not_split(text: bytes) -> None:
    with pytest.raises(BadEvent):
        split(text)


def test_an_array_of_too_many_elements_is_not_split() -> None:
    assert len(split(b"[1,2,3]", 3)) == 3
    with pytest.raises(TooManyEvents, match="4 events in one request; the limit is 3"):
        split(b"[1,2,3,4]", 3)


# Names that mean something to MongoDB and its drivers, among any others.
names = st.sampled_from(["_id", "timestamp", "", "$set", "a.b", ".", "$", "$oid", "__proto__"]) | st.text(max_size=5)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
scalars = numbers | st.none() | st.booleans() | st.text() | st.sampled_from(["\x00", 2**63, math.inf, math.nan])
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(names, inner), max_leaves=8)


@settings(max_examples=100, deadline=None)
@given(fields=st.dictionaries(names, values, max_size=5), timestamp=numbers | scalars)
def test_what_is_let_in_comes_out_of_bson_and_json_as_it_went_in(fields: dict[str, Any], timestamp: Any) -> None:
    raw = json.dumps({**fields, "timestamp": timestamp}).encode()
    try:
        event = let_in(raw)
    except BadEvent:
        return

    stored: dict[str, Any] = bson.decode(bson.encode(event.fields))

    assert stored == event.fields == json.loads(event.raw) == json.loads(to_json(stored))
    assert same_types(stored, event.fields)
    assert event.fields == {"_id": "minted", **json.loads(raw)}
    assert math.isfinite(event.fields["timestamp"])
    assert 1 <= len(event.id) <= 128


@settings(max_examples=50, deadline=None)
@given(st.binary() | st.text().map(str.encode) | values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_an_event_or_a_bad_event(raw: bytes) -> None:
    try:
        id, admitted = check(raw)
    except BadEvent as error:
        assert str(error)
    else:
        (read,) = trusted(b"[%b]" % admitted)
        assert read.id == id


def same_types(one: Any, other: Any) -> bool:
    """Whether numbers are of one kind too: 1 == 1.0 == True."""
    if isinstance(one, dict):
        return all(same_types(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return all(map(same_types, one, other))
    return isinstance(one, type(other)) or isinstance(other, type(one))
