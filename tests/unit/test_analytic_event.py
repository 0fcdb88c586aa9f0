"""The check of analytic events at the door, and their decoded form."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from coinslot.analytics.counter import MAX_NAME_CHARACTERS
from coinslot.analytics.event import MAX_USER_ID_CHARACTERS, AnalyticCheck, AnalyticEvent, decode_all
from coinslot.events import BadEvent, EventTooLarge

MAX_BYTES = 10_000
check = AnalyticCheck(MAX_BYTES)


def sent(more: str = "", event_name: str = '"a"', user_id: str = '"u"') -> bytes:
    fields = f'"event_name":{event_name},"user_id":{user_id}' + (f",{more}" if more else "")
    return f"{{{fields}}}".encode()


def event(**more: object) -> AnalyticEvent:
    return msgspec.structs.replace(AnalyticEvent("a", "u"), **more)


NOON = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)
GOOD = {
    "the least": (sent(), event()),
    "a namespace": (sent('"namespace":"shop"'), event(namespace="shop")),
    "a whole value": (sent('"value":3'), event(value=3.0)),
    "a fractional one": (sent('"value":-1.5e3'), event(value=-1500.0)),
    "the largest value": (sent('"value":9223372036854775807'), event(value=2.0**63)),
    "a goal": (sent('"ensure_goal":true'), event(ensure_goal=True)),
    "none": (sent('"ensure_goal":false'), event()),
    "a time in UTC": (sent('"datetime":"2024-05-01T12:00:00Z"'), event(datetime=NOON)),
    "in small letters": (sent('"datetime":"2024-05-01t12:00:00z"'), event(datetime=NOON)),
    "elsewhere": (sent('"datetime":"2024-05-01T14:00:00.000+02:00"'), event(datetime=NOON)),
    "the first year taken": (
        sent('"datetime":"0002-01-01T00:00:00+23:59"'),
        event(datetime=dt.datetime(2, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=23, minutes=59)))),
    ),
    "further fields": (sent('"page":{"url":["/",1e3,null]}'), event()),
    "the longest names": (
        sent(f'"namespace":"{"é" * MAX_NAME_CHARACTERS}"', user_id=f'"{"😀" * MAX_USER_ID_CHARACTERS}"'),
        event(namespace="é" * MAX_NAME_CHARACTERS, user_id="😀" * MAX_USER_ID_CHARACTERS),
    ),
    "escapes": (sent(event_name='"\\u00e9\\ud83d\\ude00\\n\\\\u0000"'), event(event_name="é😀\n\\u0000")),
    "the internal counter's name": (sent(event_name='"global_counter"'), event(event_name="global_counter")),
    "a name twice": (sent('"user_id":"v"'), event(user_id="v")),
}


@pytest.mark.parametrize(("raw", "decoded"), GOOD.values(), ids=GOOD)
def test_what_can_be_counted_is_let_in_as_it_was_sent(raw: bytes, decoded: AnalyticEvent) -> None:
    assert check(raw) == raw
    assert decode_all(b"[" + raw + b"]") == [decoded]


@pytest.mark.parametrize("name", ["namespace", "value", "ensure_goal", "datetime"])
def test_null_is_as_good_as_nothing(name: str) -> None:
    let_in = check(sent(f'"{name}":null,"page":null,"size":1.0'))

    assert msgspec.json.decode(let_in) == {"event_name": "a", "user_id": "u", "page": None, "size": 1.0}
    assert decode_all(b"[" + let_in + b"]") == [event()]


def test_line_breaks_become_blanks() -> None:
    assert check(b'{\r\n"event_name":"a",\n"user_id":"u"}') == b'{  "event_name":"a", "user_id":"u"}'


NAME, USER = "is not a string of 1 to 256 characters", "is not a string of 1 to 512 characters"
MOMENT = r"^datetime is not a date and time with its offset, as RFC 3339 writes it"
BAD = {
    "no object": (b'"a"', "event is not a JSON object"),
    "no JSON": (b'{"event_name":', "truncated"),
    "more behind it": (sent() + b"x", "trailing"),
    "no name": (b'{"user_id":"u"}', "^event_name is missing$"),
    "no user": (b'{"event_name":"a"}', "^user_id is missing$"),
    "null for a name": (sent(event_name="null"), f"^event_name {NAME}$"),
    "an empty name": (sent(event_name='""'), f"^event_name {NAME}$"),
    "a name that is a number": (sent(event_name="1"), f"^event_name {NAME}$"),
    "a long name": (sent(event_name=f'"{"x" * 257}"'), f"^event_name {NAME}$"),
    "a user that is a number": (sent(user_id="17"), f"^user_id {USER}$"),
    "an empty user": (sent(user_id='""'), f"^user_id {USER}$"),
    "a long user": (sent(user_id=f'"{"x" * 513}"'), f"^user_id {USER}$"),
    "an empty namespace": (sent('"namespace":""'), f"^namespace {NAME}$"),
    "a list of namespaces": (sent('"namespace":["a"]'), f"^namespace {NAME}$"),
    "a NUL in the name": (sent(event_name='"\\u0000"'), "^event_name has a NUL in it$"),
    "a NUL in the user": (sent(user_id='"a\\u0000b"'), "^user_id has a NUL in it$"),
    "a NUL in the namespace": (sent('"namespace":"a\\u0000"'), "^namespace has a NUL in it$"),
    "half a pair": (sent(event_name='"\\ud800 and on"'), "malformed"),
    "the other half": (sent(user_id='"\\udc00"'), "malformed"),
    "half a pair in another field": (sent('"x":"\\ud800 and on"'), "malformed"),
    "no UTF-8": (sent().replace(b'"u"', b'"\xff"'), "UTF-8"),
    "no UTF-8 in another field": (sent('"x":"y"').replace(b'"y"', b'"\xff"'), "UTF-8"),
    "a bool for a value": (sent('"value":true'), "^value is not a number"),
    "text for a value": (sent('"value":"1"'), "^value is not a number"),
    "NaN": (sent('"value":NaN'), "malformed"),
    "infinity": (sent('"value":1e999'), "out of range"),
    "a value of many digits": (sent('"value":9223372036854775808'), "does not fit in 64 bits"),
    "a number for a goal": (sent('"ensure_goal":1'), "^ensure_goal is not true or false$"),
    "text for a goal": (sent('"ensure_goal":"true"'), "^ensure_goal is not true or false$"),
    "a time without an offset": (sent('"datetime":"2024-05-01T12:00:00"'), MOMENT),
    "a day": (sent('"datetime":"2024-05-01"'), MOMENT),
    "a day that is not": (sent('"datetime":"2023-02-29T12:00:00Z"'), MOMENT),
    "an hour that is not": (sent('"datetime":"2024-05-01T24:00:00Z"'), MOMENT),
    "seconds since 1970": (sent('"datetime":1714564800'), MOMENT),
    "empty text for a time": (sent('"datetime":""'), MOMENT),
    "the first year": (sent('"datetime":"0001-01-01T00:00:00+23:59"'), "^datetime is not in a year from 2 to 9998$"),
    "the last year": (sent('"datetime":"9999-12-31T23:59:59-23:59"'), "^datetime is not in a year from 2 to 9998$"),
    "deeper than a store takes": (sent('"x":' + '{"x":' * 101 + "1" + "}" * 101), "^nested deeper than 100$"),
    "far deeper": (sent('"x":' + "[" * 4000 + "]" * 4000), "^nested deeper than 100$"),
    "a NUL in another field's name": (sent('"x\\u0000":1'), "NULL byte"),
}


@pytest.mark.parametrize(("raw", "reason"), BAD.values(), ids=BAD)
def test_what_cannot_be_counted_or_stored_is_refused_with_its_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(BadEvent, match=reason):
        check(raw)


def test_an_event_may_be_as_large_as_it_may_and_no_larger() -> None:
    padding = MAX_BYTES - len(sent('"x":""'))

    assert check(sent(f'"x":"{"x" * padding}"'))
    with pytest.raises(EventTooLarge, match="event of 10001 bytes; the limit is 10000"):
        check(sent(f'"x":"{"x" * (padding + 1)}"'))


@pytest.mark.parametrize("array", [b"", b"{}", b"[1]", b"[{}]", b'[{"event_name":"a","user_id":"\xff"}]', b"[" * 5000])
def test_what_has_not_passed_the_check_is_not_counted(array: bytes) -> None:
    with pytest.raises(BadEvent, match=r"^not analytic events that were let in: "):
        decode_all(array)
