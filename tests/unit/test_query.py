"""What a query string may say, and that nothing else in it gets through."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.query import MAX_LIMIT, BadQuery, Range, format_cursor, parse_cursor, parse_number, parse_range
from coinslot.errors import BadCursor
from coinslot.store import Cursor


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_without_a_query_the_range_is_everything_in_order() -> None:
    assert parse_range({}) == Range(start=None, end=None, after=None, limit=None, descending=False)
    assert parse_range({"start": "", "end": "", "after": "", "limit": ""}) == parse_range({})


def test_a_query_is_taken_apart() -> None:
    asked = parse_range({"start": "1", "end": "2.5", "after": encoded([1, "a"]), "limit": "10", "order": "desc"})

    assert asked == Range(start=1, end=2.5, after=Cursor(1, "a"), limit=10, descending=True)


def test_what_is_not_in_the_contract_is_passed_over() -> None:
    assert parse_range({"start[$gt]": "", "$where": "sleep(1000)", "Limit": "5", "_": "1"}) == parse_range({})


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("-5", -5),
        ("007", 7),
        ("1333046104322", 1333046104322),
        ("1333046104.5", 1333046104.5),
        ("1e3", 1000.0),
        ("1E-3", 0.001),
        (".5", 0.5),
        ("5.", 5.0),
        ("+5", 5.0),
        # Nanoseconds: a float would take each for one of its neighbours.
        ("1333046104322000001", 1333046104322000001),
        (str(2**63 - 1), 2**63 - 1),
        (str(-(2**63)), -(2**63)),
    ],
)
def test_a_number_keeps_its_precision(text: str, number: float) -> None:
    parsed = parse_number({"start": text}, "start")

    assert parsed == number
    assert type(parsed) is type(number)


@pytest.mark.parametrize("text", [str(2**63), str(-(2**63) - 1), "9" * 300])
def test_a_number_beyond_64_bits_becomes_a_float_which_every_store_takes(text: str) -> None:
    assert parse_number({"end": text}, "end") == float(text)
    assert isinstance(parse_number({"end": text}, "end"), float)


@pytest.mark.parametrize(
    "text",
    [
        *("x", "1 or 1", '{"$gt":1}', "[1]", "true", "null", "0x10", "1,5", "--1", "1\x00", "NaN", "inf", "9" * 5000),
        *("1_000", " 1", "1 ", "\n1", "١٢", "\uff13", "1e", "e1", ".", "+", "1.2.3"),
    ],
)
def test_what_is_no_finite_number_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadQuery, match=r"^start='"):
        parse_number({"start": text}, "start")


@pytest.mark.parametrize("text", ["0", "-1", str(MAX_LIMIT + 1), "1.5", "all", "1e3"])
def test_a_limit_that_is_no_page_is_refused(text: str) -> None:
    with pytest.raises(BadQuery, match=rf"^limit='{text}' is not a"):
        parse_range({"limit": text})


@pytest.mark.parametrize("text", ["1", str(MAX_LIMIT)])
def test_a_limit_may_be_anything_up_to_the_most(text: str) -> None:
    assert parse_range({"limit": text}).limit == int(text)


@pytest.mark.parametrize("order", ["", "DESC", "1", "asc,desc"])
def test_an_order_is_asc_or_desc(order: str) -> None:
    with pytest.raises(BadQuery, match=f"order='{order}' is neither asc nor desc"):
        parse_range({"order": order})


numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=100, deadline=None)
@given(timestamp=numbers, id=st.text(min_size=1, max_size=128))
@example(timestamp=-(2**63), id="\x00")
@example(timestamp=2**63 - 1, id="ü/+?")
def test_a_cursor_is_the_place_of_the_event_it_was_made_of(timestamp: float, id: str) -> None:
    text = format_cursor(json.dumps({"_id": id, "timestamp": timestamp, "more": [1]}).encode())

    cursor = parse_cursor(text)

    assert cursor == Cursor(timestamp, id)
    assert type(cursor.timestamp) is type(timestamp)
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "!!!!",
        "1333046104322-0",
        "é",
        "a" * 100_000,
        encoded(1),
        encoded([1]),
        encoded(["1", "a"]),
        encoded([1, 2]),
        encoded([1, "a", "b"]),
        encoded([{"$gt": 0}, "a"]),
        encoded([1, {"$ne": ""}]),
        encoded([True, "a"]),
        encoded([2**63, "a"]),
        encoded([10**400, "a"]),
        encoded(json.loads("[" * 500 + "]" * 500)),
    ],
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadCursor, match="is not a cursor of a range"):
        parse_cursor(text)


@settings(max_examples=100, deadline=None)
@given(st.text() | st.binary().map(lambda value: base64.urlsafe_b64encode(value).decode()))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    try:
        cursor = parse_cursor(text)
    except BadCursor:
        return
    assert isinstance(cursor.timestamp, int | float)
    assert isinstance(cursor.id, str)
