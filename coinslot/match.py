"""Which events an erasure means: those in which a field has a value. One meaning for every place that holds events.

A field is names joined by dots: `user_id`, `user.id`. A name is a letter or `_`, then letters, digits, `_` and `-`: no
`$`, so that it can be no operator of a database. The value is text, a number or a boolean; 1 and 1.0 are the same, 1
and true are not. Where a list is on the way, any of its elements may have the field; a list at the end has each of its
elements for a value. That is how MongoDB understands it.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from coinslot.errors import BadErasure
from coinslot.events import MAX_DEPTH, MAX_INT, MIN_INT

MAX_FIELD_CHARACTERS = 1000

Scalar = str | int | float | bool

NAME = r"[^\W\d][\w-]*"
FIELD = rf"{NAME}(\.{NAME})*"
_FIELD = re.compile(FIELD)


class Match(NamedTuple):
    """A field and its value, both checked by `parse`; called with an event's fields it says whether they have it."""

    field: str
    value: Scalar

    def __call__(self, fields: Any) -> bool:
        return _has(fields, self.field.split("."), self.value)


def parse(field: object, value: object) -> Match:
    """What a client sent; raises BadErasure, saying what is wrong with it."""
    if not isinstance(field, str) or len(field) > MAX_FIELD_CHARACTERS or not _FIELD.fullmatch(field):
        raise BadErasure("field is not names joined by dots, each of letters, digits, _ and -, with no digit first")
    if field.count(".") >= MAX_DEPTH:
        raise BadErasure(f"field is nested deeper than {MAX_DEPTH}")
    if not isinstance(value, Scalar):
        # Not null: to a database an event without the field has that too, and that may be all of them.
        raise BadErasure("value is neither text nor a number nor a boolean")
    if type(value) is int and not MIN_INT <= value <= MAX_INT:
        raise BadErasure("value is an integer that does not fit in 64 bits, so no event has it")
    return Match(field, value)


def _has(held: Any, names: list[str], value: Scalar) -> bool:
    if isinstance(held, list):
        if names:
            return any(_has(each, names, value) for each in held if isinstance(each, dict))
        return any(same(each, value) for each in held)
    if not names:
        return same(held, value)
    return isinstance(held, dict) and names[0] in held and _has(held[names[0]], names[1:], value)


def same(held: Any, value: Scalar | None) -> bool:
    """As in JSON: 1 and 1.0 are the same, 1 and true are not."""
    if isinstance(held, bool) or isinstance(value, bool):
        return held is value
    return bool(held == value)
