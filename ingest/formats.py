"""Which events a body holds, by its content type and its shape (contracts: POST)."""

from __future__ import annotations

from binascii import a2b_qp
from urllib.parse import unquote_to_bytes

import msgspec

from coinslot.events import BadEvent, TooManyEvents, decode, split
from coinslot.media import FORM, JSON, NDJSON, TEXT, TYPES
from ingest.answer import Refused

_WHITE = b" \t\r\n"


# The text of its events, and whether its sender is an old client. A plain tuple: it is unpacked at once.
Post = tuple[bytes, bool]


class _Wrapper(msgspec.Struct):
    """An object, of which all but two fields are passed over: built whole it would take thirty times its memory."""

    data: msgspec.Raw = msgspec.Raw()
    timestamp: msgspec.Raw = msgspec.Raw()


class _Batch(msgspec.Struct):
    events: msgspec.Raw = msgspec.Raw()
    event_name: msgspec.Raw = msgspec.Raw()


_wrapper = msgspec.json.Decoder(_Wrapper).decode
_batch = msgspec.json.Decoder(_Batch).decode


def media_type(content_type: str) -> str:
    """The type without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def unwrap(body: bytes, media: str) -> Post:
    """Raises Refused: 400 where `data` is missing or no text, 415 for a type not known."""
    if media == FORM:
        return _form_data(body), True
    if media in (JSON, TEXT):
        data = _wrapped(body)
        return (body, False) if data is None else (data, True)
    if media == NDJSON:
        return body, False
    raise Refused(415, f"content type {media[:60]!r} is not one of {', '.join(TYPES)}")


def listed(body: bytes) -> bytes:
    """The array in {"events": [...]}; any other body as it is. Raises Refused where `events` is no array.

    An object with an event_name is an event, whatever its `events`.
    """
    if not (b'"events"' in body and body.lstrip(_WHITE).startswith(b"{")):
        return body
    try:
        batch = _batch(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return body  # no JSON: the check of events says what is wrong with it
    if batch.event_name or not batch.events:
        return body
    array = bytes(batch.events)
    if not array.startswith(b"["):
        raise Refused(400, "events is not an array")
    return array


def events(text: bytes, media: str, max_events: int) -> list[bytes]:
    """The bytes of each event, unchecked. Raises Refused: 400 where the text is not JSON, 413 over `max_events`."""
    try:
        return _lines(text, max_events) if media == NDJSON else _elements(text, max_events)
    except TooManyEvents as error:
        raise Refused(413, str(error)) from None
    except BadEvent as error:
        raise Refused(400, str(error)) from None


def _form_data(body: bytes) -> bytes:
    for field in body.split(b"&"):
        if field.startswith(b"data="):
            return unquote(field[5:].replace(b"+", b" "))
    raise Refused(400, "data is missing")


def unquote(text: bytes) -> bytes:
    """urllib's unquote_to_bytes, ten times as fast where every percent sign stands before two hexadecimal digits.

    Quoted-printable is decoded in C, and but for its `=` and for what it makes of line ends it is the same.
    """
    quoted = text.replace(b"=", b"=3D").replace(b"%", b"=")
    unquoted = a2b_qp(quoted)
    is_plain = len(unquoted) == len(text) - 2 * text.count(b"%") and b"\n" not in text and b"\r" not in text
    return unquoted if is_plain else unquote_to_bytes(text)


def _wrapped(body: bytes) -> bytes | None:
    """The text in {"data": text}, which old clients send as JSON; None where the body is anything else.

    An object with a timestamp is an event, whatever its `data`.
    """
    if not (b'"data"' in body and body.lstrip(_WHITE).startswith(b"{")):
        return None
    try:
        wrapper = _wrapper(body)
        if wrapper.timestamp or not wrapper.data:
            return None
        data = decode(bytes(wrapper.data))
    except (BadEvent, msgspec.MsgspecError, RecursionError):
        return None  # no JSON: the check of events says what is wrong with it
    if not isinstance(data, str):
        raise Refused(400, "data is not JSON text")
    return data.encode()


def _elements(text: bytes, max_events: int) -> list[bytes]:
    text = text.strip(_WHITE)
    if text.startswith(b"["):
        return split(text, max_events)
    if not text:
        raise BadEvent("JSON text is empty")
    return [text]


def _lines(text: bytes, max_events: int) -> list[bytes]:
    lines = [line for line in map(bytes.strip, text.split(b"\n")) if line]
    if len(lines) > max_events:
        raise TooManyEvents(len(lines), max_events)
    return lines
