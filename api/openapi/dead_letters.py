"""The routes of api/dead_letters.py."""

from __future__ import annotations

from api.dead_letters import PATH
from api.openapi import Json, ref
from api.openapi.answers import json, operation, shared
from api.openapi.parameters import named
from api.openapi.shapes import COUNT, COUNT_OR_NULL, LETTER_ID, TEXT, YES_NO, array_of, record, said

TAG = "dead letters"


def paths() -> Json:
    page = json("A page of letters, without what they hold.", ref("schemas", "DeadLetters"))
    shown = json("The letter.", ref("schemas", "DeadLetterWithPayload"))
    dropped = json("It is gone.", ref("schemas", "Moved"))
    replayed = json(
        "Its events are in the queue again. Analytic ones are counted when they come, after what has come meanwhile.",
        ref("schemas", "Moved"),
    )
    return {
        PATH: {"get": _operation("listDeadLetters", "List dead letters", page, "AfterLetter", "LimitLetters", "Queue")},
        f"{PATH}/{{id}}": {
            "get": _of_one("showDeadLetter", "Show a letter with what it holds", shown),
            "delete": _of_one("dropDeadLetter", "Throw a letter away", dropped),
        },
        f"{PATH}/{{id}}/replay": {
            "post": _of_one("replayDeadLetter", "Put a letter back into the queue, once", replayed)
        },
        f"{PATH}/resume": {"post": _resume()},
    }


def _operation(id: str, summary: str, ok: Json, *parameters: str, also: Json | None = None) -> Json:
    answers = {"200": ok, **shared({"400": "BadRequest", "503": "Unavailable"}), **(also or {})}
    return operation(id, TAG, summary, answers, needs="admin", parameters=named(*parameters))


def _of_one(id: str, summary: str, ok: Json) -> Json:
    return _operation(id, summary, ok, "LetterId", "Queue", also=shared({"404": "NotFound"}))


def _resume() -> Json:
    answers = {"200": json("Whether they were halted.", record({"resumed": YES_NO})), **shared({"503": "Unavailable"})}
    return operation("resume", TAG, "Let halted workers go on; counting is never halted", answers, needs="admin")


def schemas() -> Json:
    letter = {
        "id": LETTER_ID,
        "reason": TEXT,
        "attempts": said("How often it was delivered since it was accepted, or put back last.", COUNT),
        "accepted_at_ms": said(
            "When its events were first accepted, in ms since 1970; null where that is not known.", COUNT_OR_NULL
        ),
        "died_at_ms": said("Milliseconds since 1970.", COUNT),
        "events": COUNT,
        "payload_bytes": COUNT,
    }
    held = {"payload": TEXT, "encoding": said("base64 for what is no text", {"enum": ["utf-8", "base64"]})}
    page = {
        "dead_letters": said("In the order in which they died.", array_of("DeadLetter")),
        "total": said("How many there are, on all pages.", COUNT),
        "after": said("Where the next page begins; null at the end.", {**LETTER_ID, "type": ["string", "null"]}),
    }
    return {
        "DeadLetter": record(letter),
        "DeadLetterWithPayload": record({**letter, **held}),
        "DeadLetters": record(page),
        "Moved": record({"id": LETTER_ID, "events": said("How many it held.", COUNT)}),
    }
