"""Every content type comes to the same: the bytes of each event."""

from __future__ import annotations

import json
from urllib.parse import unquote_to_bytes, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coinslot.media import FORM, JSON, NDJSON, TEXT, TYPES
from ingest import formats
from ingest.answer import Refused

ONE, TWO = b'{"timestamp": 1}', b'{"timestamp": 2, "text": "a,]}"}'


def events(body: bytes, media: str, max_events: int = 10) -> list[bytes]:
    return formats.events(formats.unwrap(body, media)[0], media, max_events)


def refusal(body: bytes, media: str, max_events: int = 10) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        events(body, media, max_events)
    return caught.value.status, str(caught.value)


@pytest.mark.parametrize(
    ("header", "media"),
    [
        ("application/json", JSON),
        ("Application/JSON; charset=utf-8", JSON),
        ("text/plain;charset=UTF-8", TEXT),
        (" application/x-ndjson ;x=y", NDJSON),
        ("", ""),
    ],
)
def test_a_content_type_is_known_by_its_type_alone(header: str, media: str) -> None:
    assert formats.media_type(header) == media


@pytest.mark.parametrize("media", [JSON, TEXT])
def test_json_is_one_event_or_a_list(media: str) -> None:
    assert events(ONE, media) == [ONE]
    assert events(b" [" + ONE + b" ,\n" + TWO + b"]\n", media) == [ONE, TWO]
    assert events(b"[]", media) == []
    assert not formats.unwrap(ONE, media)[1]


def test_a_form_holds_json_in_its_field_data() -> None:
    form = urlencode({"other": "x", "data": f"[{ONE.decode()},{TWO.decode()}]", "data2": "y"}).encode()

    assert formats.unwrap(form, FORM)[1]
    assert events(form, FORM) == [ONE, TWO]


def test_of_two_fields_data_the_first_counts() -> None:
    assert events(urlencode([("data", ONE), ("data", TWO)]).encode(), FORM) == [ONE]


@pytest.mark.parametrize("form", [b"data={%22timestamp%22:+1}", b"data=%7b%22timestamp%22%3a%201%7d", b"data=" + ONE])
def test_a_form_may_be_encoded_as_much_as_its_sender_likes(form: bytes) -> None:
    assert events(form, FORM)[0].replace(b" ", b"") == b'{"timestamp":1}'


@pytest.mark.parametrize("form", [b"", b"date=1", b"DATA={}", b"xdata={}", ONE])
def test_a_form_without_data_is_refused(form: bytes) -> None:
    assert refusal(form, FORM) == (400, "data is missing")


@pytest.mark.parametrize("media", [JSON, TEXT])
@pytest.mark.parametrize("data", [ONE, b"[" + ONE + b"]"])
def test_an_object_around_json_text_is_an_old_clients(media: str, data: bytes) -> None:
    body = b" " + json.dumps({"more": [{}], "data": data.decode()}).encode()

    assert formats.unwrap(body, media) == (data, True)
    assert events(body, media) == [ONE]


@pytest.mark.parametrize(
    "body",
    [
        b'{"timestamp": 1, "data": "{}"}',
        b'{"data": {"timestamp": 2}, "timestamp": 1}',
        b'{"timestamp": 1, "deep": {"data": "{}"}}',
        b'[{"data": "{}"}]',
        b'"data"',
        b'{"data": "cut short',
        b'{"data": "\xff"}',
        b'{"data": ' + b"[" * 100_000,
    ],
)
def test_anything_else_that_mentions_data_is_left_to_the_check_of_events(body: bytes) -> None:
    assert formats.unwrap(body, JSON) == (body, False)


@pytest.mark.parametrize("data", [b"5", b"null", b'{"timestamp": 1}', b"[]"])
def test_data_that_is_no_text_is_refused(data: bytes) -> None:
    assert refusal(b'{"data": %b}' % data, JSON) == (400, "data is not JSON text")


def test_lines_are_events_whatever_ends_them() -> None:
    assert events(ONE + b"\n\n  \r\n" + TWO + b"\r\n" + ONE, NDJSON) == [ONE, TWO, ONE]
    assert events(b"", NDJSON) == []


@pytest.mark.parametrize("body", [b"", b" \r\n\t"])
def test_no_json_at_all_is_refused(body: bytes) -> None:
    assert refusal(body, JSON) == refusal(b"data=" + body, FORM) == (400, "JSON text is empty")


@pytest.mark.parametrize("body", [b"[", b"[1,]", b"[" + ONE + b"] x", b"[" * 100_000])
def test_a_list_that_is_no_json_is_refused(body: bytes) -> None:
    assert refusal(body, JSON)[0] == 400


@pytest.mark.parametrize(
    ("body", "media"), [(b"[1,2,3,4]", JSON), (b"data=[1,2,3,4]", FORM), (b"1\n2\n3\n\n4", NDJSON)]
)
def test_more_events_than_the_limit_are_refused(body: bytes, media: str) -> None:
    assert refusal(body, media, max_events=3) == (413, "4 events in one request; the limit is 3")
    assert len(events(body, media, max_events=4)) == 4


@pytest.mark.parametrize("media", ["", "text/html", "multipart/form-data", "application/jsonp", "x" * 1000])
def test_other_types_are_refused_and_the_known_ones_named(media: str) -> None:
    status, what = refusal(ONE, media)

    assert status == 415
    assert what == f"content type {media[:60]!r} is not one of {FORM}, {JSON}, {NDJSON}, {TEXT}"


@settings(max_examples=100, deadline=None)
@given(body=st.binary() | st.text(alphabet='{}[]",:data10 \n%+&=').map(str.encode), media=st.sampled_from(TYPES))
def test_any_bytes_are_events_or_refused(body: bytes, media: str) -> None:
    try:
        found = events(body, media)
    except Refused as error:
        assert error.status in (400, 413)
    else:
        assert all(isinstance(raw, bytes) for raw in found)


@given(
    st.lists(
        st.sampled_from([b"%", b"=", b" ", b"4", b"F", b"z", b"\n", b"\r", b"\t", b"%41", b"%0A", b"%3d", b"\xff"])
    )
)
def test_a_form_is_decoded_as_urllib_decodes_it(pieces: list[bytes]) -> None:
    text = b"".join(pieces)

    assert formats.unquote(text) == unquote_to_bytes(text)


ARRAY = b"[" + ONE + b", " + TWO + b"]"


@pytest.mark.parametrize(
    "body",
    [
        b'{"events": %b}' % ARRAY,
        b' {"source": {"events": 1}, "events"\n:%b }\n' % ARRAY,
        b'{"events": 1, "events": %b}' % ARRAY,
    ],
)
def test_a_batch_is_its_array(body: bytes) -> None:
    assert formats.listed(body) == ARRAY


@pytest.mark.parametrize(
    "body",
    [
        ARRAY,
        b"",
        b'{"event_name": "a", "events": %b}' % ARRAY,
        b'{"source": "events"}',
        b'{"x": {"events": %b}}' % ARRAY,
        b'[{"events": %b}]' % ARRAY,
        b'{"events": [}',
        b'{"events": []} x',
        b'{"events": %b' % (b"[" * 5_000),
        b'{"event_name": "\xff", "events": []}',
    ],
)
def test_any_other_body_is_left_as_it_is(body: bytes) -> None:
    assert formats.listed(body) == body


@pytest.mark.parametrize("events", [b"1", b"null", b"{}", b'"[]"'])
def test_a_batch_without_an_array_is_refused(events: bytes) -> None:
    with pytest.raises(Refused, match=r"^events is not an array$") as caught:
        formats.listed(b'{"events": %b}' % events)

    assert caught.value.status == 400
