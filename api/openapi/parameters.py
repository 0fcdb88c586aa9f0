"""The parameters, by the names under which operations refer to them."""

from __future__ import annotations

from api import dead_letters
from api.openapi import Json, ref
from api.openapi.shapes import CHANGE_CURSOR, LETTER_ID, TEXT
from api.query import MAX_LIMIT
from coinslot.keys import ANALYTICS, EVENTS
from coinslot.media import ENCODINGS

TIMESTAMP: Json = {"type": "number", "examples": [1333046104322]}
OR_EMPTY: Json = {**CHANGE_CURSOR, "pattern": f"{CHANGE_CURSOR['pattern']}|^$"}
PLACE: Json = {**TEXT, "pattern": "^[A-Za-z0-9_-]+$"}


def components() -> Json:
    page, page_of_letters = _limit(MAX_LIMIT), {**_limit(dead_letters.MAX_LIMIT), "default": dead_letters.LIMIT}
    return {
        "OnError": _query("on_error", "Take the good events and list the others.", {"enum": ["skip"]}),
        "Encoding": _header("Content-Encoding", "How the body is packed.", {"enum": [*ENCODINGS, "identity", ""]}),
        "Start": _query("start", "The least timestamp.", TIMESTAMP),
        "End": _query("end", "The greatest timestamp.", TIMESTAMP),
        "Limit": _query("limit", "A page of so many events; without it the whole range comes.", page),
        "After": _query("after", "The place where a page begins: `Link` leads there.", PLACE),
        "Order": _query(
            "order", "By timestamp, and by `_id` where that is the same.", {"enum": ["asc", "desc"]}, empty=False
        ),
        "Id": _query("id", "The event with this `_id`; the other parameters do not matter then.", TEXT, empty=False),
        "LastEventId": _header("Last-Event-ID", "As `after`, which does not matter then.", OR_EMPTY),
        "AfterChange": _query("after", "The cursor of a change: what came after it.", CHANGE_CURSOR),
        "StoredSince": _query("start", "What is stored from this timestamp on comes first.", TIMESTAMP),
        "Namespace": _query("namespace", "Without it, the one that is called `default`.", TEXT),
        "Events": _query("event", "The name of an event that is counted.", {"type": "array", "items": TEXT}),
        "OfUser": _query("user_id", "A user who was counted; not together with `event`.", TEXT),
        "NudgedUser": _needed("user_id", "Whose events are left out; any user will do."),
        "Goal": _needed("goal", "The name of a goal."),
        "User": _query("user_obj", "The user: a JSON object, in base64.", TEXT),
        "Context": _query("context_obj", "The context: a JSON object, in base64.", TEXT),
        "AfterLetter": _query("after", "The id of a letter: those that died after it.", LETTER_ID),
        "Queue": _query("queue", "The queue that is meant.", {"enum": [EVENTS, ANALYTICS, ""], "default": EVENTS}),
        "LimitLetters": _query("limit", "A page of so many letters.", page_of_letters),
        "LetterId": _path("id", "The id of a letter.", LETTER_ID),
        "Filename": _path("filename", "The name of a file.", {**TEXT, "examples": ["coinslot.js"]}),
    }


def named(*names: str) -> list[Json]:
    return [ref("parameters", name) for name in names]


def _query(name: str, description: str, schema: Json, *, empty: bool = True) -> Json:
    """empty: it may be, and then is as good as absent."""
    of_query = {"allowEmptyValue": True} if empty else {}
    return {"name": name, "in": "query", "description": description, **of_query, "schema": schema}


def _needed(name: str, description: str) -> Json:
    asked = _query(name, description, {**TEXT, "minLength": 1}, empty=False)
    return {**asked, "required": True}


def _header(name: str, description: str, schema: Json) -> Json:
    return {"name": name, "in": "header", "description": description, "schema": schema}


def _path(name: str, description: str, schema: Json) -> Json:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def _limit(maximum: int) -> Json:
    return {"type": "integer", "minimum": 1, "maximum": maximum}
