"""What must hold of the check at the door whatever comes in, judged by decoders of another make."""

from __future__ import annotations

import gzip
import json
import math
import sys
from collections.abc import Callable
from typing import Any

import bson

from coinslot.event_check import Admitted, EventCheck
from coinslot.events import MAX_DEPTH, MAX_ID_CHARACTERS, RECEIVED_AT, BadEvent, trusted
from coinslot.media import FORM, NDJSON
from coinslot.store.mongodb_documents import READABLE, to_json
from ingest import formats
from ingest.answer import Refused
from ingest.body import inflate

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAX_BYTES = 64 * 1024
MAX_EVENTS = 50
INFLATE: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "zstd": zstd.decompress}

_check = EventCheck(MAX_BYTES)


class NoJson(Exception):
    """Python's own decoder, made strict, does not take this."""


def check_event(raw: bytes, check: Callable[[bytes], Admitted] = _check) -> bool:
    """Whether it was let in; raises AssertionError where that was wrong."""
    why = objection(raw)
    try:
        id, admitted = check(raw)
    except BadEvent as error:
        assert str(error), "refused without a reason"
        assert why or any(map(unstorable, overwritten(raw))), f"refused without need: {error}"
        return False
    assert not why, f"let in: {why}"
    fields = reference(admitted)
    sent = reference(raw)
    assert same({**fields, **sent}, fields), "something was changed"
    assert set(fields) - set(sent) <= {"_id"}, "something was added"
    assert not {b"\r", b"\n"} & {admitted[at : at + 1] for at in range(len(admitted))}, "it is not one line"
    assert isinstance(id, str) and 1 <= len(id) <= MAX_ID_CHARACTERS, "no _id"
    (read,) = trusted(b"[%b]" % admitted)
    assert read.id == id, "its _id is not the one it was given"
    assert same(read.fields, fields), "the worker reads something else"
    stored = bson.decode(bson.encode(read.fields), READABLE)
    assert same(reference(to_json(stored)), fields), "the store gives back something else"
    return True


def check_body(body: bytes, media: str) -> bool:
    """Whether events were found in it; raises AssertionError where they are not those that are there."""
    try:
        text, legacy = formats.unwrap(body, media)
        events = formats.events(text, media, MAX_EVENTS)
    except Refused as error:
        assert error.status in (400, 413), error.status
        assert str(error)
        return False
    assert len(events) <= MAX_EVENTS
    if media == NDJSON:
        assert events == [line.strip() for line in body.split(b"\n") if line.strip()]
        return True
    assert legacy or text == body or media == FORM
    try:
        value = reference(text)
    except NoJson:
        # One piece that the check of events refuses, or a list of such.
        assert events == [text.strip(b" \t\r\n")] or any(objection(event) for event in events)
    else:
        assert same([reference(event) for event in events], value if isinstance(value, list) else [value])
    return True


def check_inflation(content: bytes, encoding: str, max_bytes: int) -> bool:
    """Whether it was inflated; raises AssertionError where it came to too much, or to something else."""
    try:
        inflated = inflate(content, encoding, max_bytes)
    except Refused as error:
        assert error.status in (400, 413), error.status
        return False
    assert len(inflated) <= max_bytes
    assert inflated == INFLATE[encoding](content)
    return True


def of_event(fields: dict[str, Any]) -> str:
    """Why this is no event, if it is none: the rules of the README, once more."""
    if RECEIVED_AT in fields:
        return "a name that is kept"
    if type(fields.get("timestamp")) not in (int, float):
        return "no timestamp"
    id = fields.get("_id", "minted")
    return "" if isinstance(id, str) and 1 <= len(id) <= MAX_ID_CHARACTERS else "no _id that may be"


def objection(raw: bytes, rules: Callable[[dict[str, Any]], str] = of_event) -> str:
    """Why these bytes are not what the rules tell of, or fit in no store, if that is so."""
    if len(raw) > MAX_BYTES:
        return "too large"
    try:
        fields = reference(raw)
    except NoJson as error:
        return f"no JSON: {error}"
    if type(fields) is not dict:
        return "no object"
    return rules(fields) or unstorable(fields)


def overwritten(raw: bytes) -> list[Any]:
    """The values whose key stands there again: they do not count, and may be objected to or not."""
    found: list[Any] = []

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        last = dict(pairs)
        found.extend(value for key, value in pairs if value is not last[key])
        return last

    json.loads(raw, object_pairs_hook=collect)
    return found


def unstorable(value: Any, levels: int = MAX_DEPTH) -> str:
    """Why no store takes it; empty if all do."""
    if isinstance(value, dict | list) and levels == 0:
        return "too deep"
    if isinstance(value, dict):
        if any("\x00" in key for key in value):
            return "NUL in a key"
        return next(filter(None, (unstorable(item, levels - 1) for pair in value.items() for item in pair)), "")
    if isinstance(value, list):
        return next(filter(None, (unstorable(item, levels - 1) for item in value)), "")
    if type(value) is int and not -(2**63) <= value < 2**63:
        return "an int beyond 64 bits"
    if isinstance(value, float) and not math.isfinite(value):
        return "a float that is not finite"
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        return "half a surrogate pair"
    return ""


def reference(raw: bytes) -> Any:
    """The value of a JSON text; raises NoJson."""
    try:
        return json.loads(raw.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise NoJson(str(error)) from None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same types: 1 == 1.0 == True to Python; and -0.0 == 0.0."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
