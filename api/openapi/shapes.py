"""What schemas are made of."""

from __future__ import annotations

from collections.abc import Sequence

from api.openapi import Json, ref
from coinslot.analytics.counter import MAX_NAME_CHARACTERS

TEXT: Json = {"type": "string"}
COUNT: Json = {"type": "integer", "minimum": 0}
COUNT_OR_NULL: Json = {**COUNT, "type": ["integer", "null"]}
SIZE: Json = {"type": "integer", "minimum": 1}
YES_NO: Json = {"type": "boolean"}
NAME: Json = {**TEXT, "minLength": 1, "maxLength": MAX_NAME_CHARACTERS, "pattern": "^[^\\u0000]*$"}
NAME_OR_NULL: Json = {**NAME, "type": ["string", "null"]}
LETTER_ID: Json = {**TEXT, "pattern": "^[0-9]{1,20}-[0-9]{1,20}$", "examples": ["1700000000000-0"]}
CHANGE_CURSOR: Json = {**TEXT, "pattern": "^[0-9]{1,20}(-[0-9]{1,20})?$", "examples": ["1700000000000-0"]}


def record(properties: Json, *, optional: Sequence[str] = (), description: str = "") -> Json:
    """An object with these properties, all but some of which are always there."""
    required = [name for name in properties if name not in optional]
    schema: Json = {"type": "object", "required": required, "properties": properties}
    return {"description": description, **schema} if description else schema


def array_of(name: str) -> Json:
    return {"type": "array", "items": ref("schemas", name)}


def said(description: str, schema: Json) -> Json:
    """The same with a description."""
    return {**schema, "description": description}
