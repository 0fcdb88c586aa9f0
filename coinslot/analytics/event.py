"""The analytic event: that a user did something, and the check that lets it in (contract: an analytic event)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from coinslot.analytics.counter import MAX_NAME_CHARACTERS
from coinslot.event_check import decode_object, storable
from coinslot.events import BadEvent

MAX_USER_ID_CHARACTERS = 512
MIN_YEAR, MAX_YEAR = 2, 9998  # a day beyond the first and the last year has a date all over the world, and a week

_Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME_CHARACTERS)]
_UserId = Annotated[str, Meta(min_length=1, max_length=MAX_USER_ID_CHARACTERS)]


class AnalyticEvent(msgspec.Struct, frozen=True, gc=False):
    """`value` is finite. `datetime` has an offset; it chooses the weekly cohort and nothing else."""

    event_name: _Name
    user_id: _UserId
    namespace: _Name = "default"
    value: float | None = None
    ensure_goal: bool = False
    datetime: Annotated[datetime, Meta(tz=True)] | None = None


_decode = msgspec.json.Decoder(AnalyticEvent).decode
_decode_all = msgspec.json.Decoder(list[AnalyticEvent]).decode

_OPTIONAL = frozenset(("namespace", "value", "ensure_goal", "datetime"))
_MEANT = {
    "event_name": f"a string of 1 to {MAX_NAME_CHARACTERS} characters",
    "user_id": f"a string of 1 to {MAX_USER_ID_CHARACTERS} characters",
    "namespace": f"a string of 1 to {MAX_NAME_CHARACTERS} characters",
    "value": "a number that fits in 64 bits",
    "ensure_goal": "true or false",
    "datetime": "a date and time with its offset, as RFC 3339 writes it: 2024-05-01T12:00:00Z",
}
_FIELD = re.compile(r"`(?:\$\.)?(\w+)`$")  # at the end of what msgspec says


class AnalyticCheck:
    """The check at the door: the raw bytes of one JSON value in, those of an event that can be counted and stored out.

    They are as posted but for line breaks, and for optional fields that were null: those are left out. Fields that are
    not known may be anything that an event may hold. Raises BadEvent with a reason made for the client, and
    EventTooLarge.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes

    def __call__(self, raw: bytes) -> bytes:
        fields = decode_object(raw, self._max_bytes)
        raw = storable(raw, fields)
        if b"null" in raw:
            raw = _without_nulls(raw, fields)
        try:
            event = _decode(raw)
        except msgspec.ValidationError as error:
            raise BadEvent(_reason(error, fields)) from None
        if b"\\" in raw:
            _check_text(event)
        _check_year(event)
        return raw


def decode_all(array: bytes) -> list[AnalyticEvent]:
    """The events of a JSON array of what has passed the check before; raises BadEvent if any plainly has not."""
    try:
        events = _decode_all(array)
        for event in events:
            _check_year(event)
        return events
    except (BadEvent, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadEvent(f"not analytic events that were let in: {error}") from None


def _without_nulls(raw: bytes, fields: dict[str, Any]) -> bytes:
    nulls = [name for name in _OPTIONAL if name in fields and fields[name] is None]
    if not nulls:
        return raw
    return msgspec.json.encode({name: value for name, value in fields.items() if name not in nulls})


def _check_year(event: AnalyticEvent) -> None:
    if event.datetime is not None and not MIN_YEAR <= event.datetime.year <= MAX_YEAR:
        raise BadEvent(f"datetime is not in a year from {MIN_YEAR} to {MAX_YEAR}")


def _check_text(event: AnalyticEvent) -> None:
    """A NUL can be written as an escape alone; few of those who read a name would take one."""
    for name in ("event_name", "user_id", "namespace"):
        if "\0" in getattr(event, name):
            raise BadEvent(f"{name} has a NUL in it")


def _reason(error: msgspec.ValidationError, fields: dict[str, Any]) -> str:
    found = _FIELD.search(str(error))
    name = found[1] if found else ""
    if name not in _MEANT:
        return str(error)
    return f"{name} is not {_MEANT[name]}" if name in fields else f"{name} is missing"
