"""Dead letters over HTTP. No row of coinslot/access/permission.py names them, so they are the admin's.

GET     /dead-letters?after=&limit=   {"dead_letters": [letter, ...], "total": N, "after": the next page's, or null}
GET     /dead-letters/ID              a letter with its `payload`; `encoding`: utf-8, or base64 for what is no text
POST    /dead-letters/ID/replay       {"id": ID, "events": N}
DELETE  /dead-letters/ID              the same
POST    /dead-letters/resume          {"resumed": whether workers were halted}

`?queue=analytics` with all but the last means the letters of the queue of analytic events; `events` is the default. An
analytic message that is put back is counted when it comes, after what has come meanwhile. Counting is never halted.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.routing import BaseConverter

from api.query import BadQuery, parse_queue
from coinslot.dead_letters import START, DeadLetters, parse_id
from coinslot.halt import Halt
from coinslot.web import json_response

PATH = "/dead-letters"
LIMIT, MAX_LIMIT = 100, 1000


class _Id(BaseConverter):
    """Any text but the name of a route beside it, lest a GET of that be told that it is no id."""

    regex = "(?!resume$)[^/]+"


def blueprint(letters: Mapping[str, DeadLetters], halt: Halt) -> Blueprint:
    """letters: of each queue, by its name to clients."""
    routes = Blueprint("dead letters", __name__)
    routes.record(lambda state: state.app.url_map.converters.update(id=_Id))

    def asked_for() -> DeadLetters:
        return letters[parse_queue(request.args)]

    @routes.get(PATH)
    def page() -> Response:
        page = asked_for().page(parse_id(request.args.get("after") or START), _limit(request.args.get("limit") or ""))
        found = [letter._asdict() for letter in page.letters]
        return json_response({"dead_letters": found, "total": page.total, "after": page.after})

    @routes.get(f"{PATH}/<id:id>")
    def show(id: str) -> Response:
        letter, payload = asked_for().get(parse_id(id))
        return json_response({**letter._asdict(), **_readable(payload)})

    @routes.post(f"{PATH}/<id:id>/replay")
    def replay(id: str) -> Response:
        return json_response({"id": id, "events": asked_for().replay(parse_id(id))})

    @routes.delete(f"{PATH}/<id:id>")
    def drop(id: str) -> Response:
        return json_response({"id": id, "events": asked_for().drop(parse_id(id))})

    @routes.post(f"{PATH}/resume")
    def resume() -> Response:
        return json_response({"resumed": halt.resume()})

    return routes


def _limit(text: str) -> int:
    if not text:
        return LIMIT
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= MAX_LIMIT):
        raise BadQuery(f"limit={text[:40]!r} is not a whole number from 1 to {MAX_LIMIT}")
    return int(text)


def _readable(payload: bytes) -> dict[str, Any]:
    try:
        return {"payload": payload.decode(), "encoding": "utf-8"}
    except UnicodeDecodeError:
        return {"payload": base64.b64encode(payload).decode(), "encoding": "base64"}
