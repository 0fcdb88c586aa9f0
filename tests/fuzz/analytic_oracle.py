"""What must hold of the check of analytic events whatever comes in, judged by decoders of another make."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from coinslot.analytics.counter import MAX_NAME_CHARACTERS
from coinslot.analytics.event import MAX_USER_ID_CHARACTERS, MAX_YEAR, MIN_YEAR, AnalyticCheck, decode_all
from coinslot.events import BadEvent
from tests.fuzz.oracle import MAX_BYTES, objection, overwritten, reference, same

OPTIONAL = ("namespace", "value", "ensure_goal", "datetime")

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)

_check = AnalyticCheck(MAX_BYTES)


def check_event(raw: bytes, check: Callable[[bytes], bytes] = _check) -> bool:
    """Whether it was let in; raises AssertionError where that was wrong."""
    why = objection(raw, of_event)
    try:
        admitted = check(raw)
    except BadEvent as error:
        assert str(error), "refused without a reason"
        assert why or overwritten(raw) or _has_odd_time(raw), f"refused without need: {error}"
        return False
    assert not why, f"let in: {why}"
    sent = {name: value for name, value in reference(raw).items() if not (name in OPTIONAL and value is None)}
    assert same(reference(admitted), sent), "something was changed"
    assert not {b"\r", b"\n"} & {admitted[at : at + 1] for at in range(len(admitted))}, "it is not one line"
    (read,) = decode_all(b"[%b]" % admitted)
    assert (read.event_name, read.user_id) == (sent["event_name"], sent["user_id"])
    assert (read.namespace, read.ensure_goal) == (sent.get("namespace", "default"), sent.get("ensure_goal", False))
    assert read.value == (float(sent["value"]) if "value" in sent else None)
    assert (read.datetime is None) == ("datetime" not in sent)
    return True


def of_event(fields: dict[str, Any]) -> str:
    """Why this is no analytic event, if it is none: the rules of the contract, once more."""
    return _of_names(fields) or _of_others(fields)


def _has_odd_time(raw: bytes) -> bool:
    """One that Python reads, and RFC 3339 does not know; it may be let in or not."""
    moment = reference(raw).get("datetime")
    return moment is not None and not _RFC_3339.fullmatch(moment)


def _of_names(fields: dict[str, Any]) -> str:
    longest = {
        "event_name": MAX_NAME_CHARACTERS,
        "user_id": MAX_USER_ID_CHARACTERS,
        "namespace": MAX_NAME_CHARACTERS,
    }
    for name, most in longest.items():
        text = fields.get(name, "default" if name == "namespace" else None)
        if text is None and name == "namespace":
            continue
        if type(text) is not str or not 1 <= len(text) <= most or "\0" in text:
            return f"{name} is not right"
    return ""


def _of_others(fields: dict[str, Any]) -> str:
    value, goal, moment = (fields.get(name) for name in ("value", "ensure_goal", "datetime"))
    if value is not None and type(value) not in (int, float):
        return "value is no number"
    if goal is not None and type(goal) is not bool:
        return "ensure_goal is no boolean"
    if moment is None:
        return ""
    try:
        parsed = datetime.fromisoformat(moment.upper())
    except (ValueError, AttributeError, TypeError):
        return "datetime is none"
    return (
        "" if parsed.tzinfo and MIN_YEAR <= parsed.year <= MAX_YEAR else "datetime has no offset, or is out of bounds"
    )
