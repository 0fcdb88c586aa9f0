"""Which events a body holds, by its content type (contract: routes of POST /wsapi/interaction_data)."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from coinslot.events import BadEvent, decode, split
from ingest.answer import Refused

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
NDJSON = "application/x-ndjson"
TEXT = "text/plain"
TYPES = (FORM, JSON, NDJSON, TEXT)

_WHITE = b" \t\r\n"


class Post(NamedTuple):
    """What a POST holds: the bytes of each event, unchecked, and whether its sender is an old client."""

    raws: list[bytes]
    legacy: bool


def media_type(content_type: str) -> str:
    """The type without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def parse(body: bytes, media: str) -> Post:
    """Raises Refused: 400 where the body is not of its type, 415 for a type not known."""
    try:
        if media == FORM:
            return Post(_elements(_form_data(body)), legacy=True)
        if media in (JSON, TEXT):
            return _json(body)
        if media == NDJSON:
            return Post([line for line in map(bytes.strip, body.split(b"\n")) if line], legacy=False)
    except BadEvent as error:
        raise Refused(400, str(error)) from None
    raise Refused(415, f"content type {media[:60]!r} is not one of {', '.join(TYPES)}")


def _form_data(body: bytes) -> bytes:
    for field in body.split(b"&"):
        if field.startswith(b"data="):
            return unquote_to_bytes(field[5:].replace(b"+", b" "))
    raise Refused(400, "data is missing")


def _json(body: bytes) -> Post:
    if body.lstrip(_WHITE).startswith(b"{") and b'"data"' in body:
        value = decode(body)
        if _is_wrapper(value):
            return Post(_elements(_wrapped(value)), legacy=True)
    return Post(_elements(body), legacy=False)


def _is_wrapper(value: dict[str, Any]) -> bool:
    """An object without a timestamp cannot be an event; with `data` it is what old clients send as JSON."""
    return "data" in value and "timestamp" not in value


def _wrapped(value: dict[str, Any]) -> bytes:
    data = value["data"]
    if not isinstance(data, str):
        raise BadEvent("data is not JSON text")
    return data.encode()


def _elements(text: bytes) -> list[bytes]:
    text = text.strip(_WHITE)
    if text.startswith(b"["):
        return split(text)
    if not text:
        raise BadEvent("JSON text is empty")
    return [text]
