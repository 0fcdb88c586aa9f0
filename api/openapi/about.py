"""The routes of api/about.py, of health in coinslot/web.py, and the files of the first page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api import docs
from api.openapi import Json, ref
from api.openapi.answers import answer, json, operation, shared
from api.openapi.parameters import named
from api.openapi.shapes import COUNT, COUNT_OR_NULL, SIZE, TEXT, YES_NO, record, said
from coinslot.media import JSON

TAG = "server"


def paths(limits: Mapping[str, Any]) -> Json:
    ready = ref("schemas", "Ready")
    shown = json("Sizes, types and encodings.", ref("schemas", "Limits"), example=dict(limits))
    page = answer("The page.", {"text/html": {"schema": TEXT}})
    pong = answer("It is.", {"text/plain": {"schema": {"const": "pong"}}})
    alive = json("It does.", record({"alive": {"const": True}}))
    return {
        "/": _get("page", "A page that explains all this and shows events as they come", page),
        "/static/{filename}": _file(),
        "/openapi.json": _get("openapi", "This document", json("OpenAPI 3.1.", {"type": "object"})),
        docs.PATH: _docs(),
        "/limits": _get("limits", "What is taken", shown),
        "/audit": _audit(),
        "/wsapi/ping": _get("ping", "Is it there?", pong),
        "/alive": _get("alive", "Does the process answer?", alive),
        "/ready": _get("ready", "Can events be taken, stored and read?", json("Yes.", ready), json("Not now.", ready)),
    }


def _get(id: str, summary: str, ok: Json, unavailable: Json | None = None) -> Json:
    return {"get": operation(id, TAG, summary, {"200": ok} | ({"503": unavailable} if unavailable else {}))}


def _docs() -> Json:
    content: Json = {"text/html": {"schema": TEXT}, JSON: {"schema": {"type": "object"}}}
    ok = answer("The page; JSON for those who accept that rather than a page.", content)
    answers = {"200": ok, **shared({"401": "UnauthorizedV0"})}
    return {"get": operation("docs", TAG, "This document, as a page or as JSON", answers, needs="read")}


def _audit() -> Json:
    ledger = json("The ledger; in that of analytics `stored` are those counted.", ref("schemas", "Audit"))
    answers = {"200": ledger, **shared({"400": "BadRequest", "503": "Unavailable"})}
    parameters = named("Queue")
    return {"get": operation("audit", TAG, "Does the ledger balance?", answers, needs="read", parameters=parameters)}


def _file() -> Json:
    file: Json = {"*/*": {}}
    answers = {
        "200": answer("The file.", file),
        "206": answer("The part of it that `Range` asks for.", file),
        "304": {"description": "It is as it was."},
        **shared({"404": "NotFound", "416": "BadRequest"}),
    }
    summary = "What the first page is made of, and coinslot.js, the JavaScript client"
    return {"get": operation("file", TAG, summary, answers, parameters=named("Filename"))}


def schemas(limits: Mapping[str, Any]) -> Json:
    names = {"type": "array", "items": TEXT}
    counts = ("accepted", "stored", "duplicate", "dead", "queued", "queued_messages")
    audit = {
        **dict.fromkeys(counts, COUNT),
        "queue_messages": said("The length of the queue; null where it is not in Redis.", COUNT_OR_NULL),
        "lost": said("What Redis has lost, or more; null where it never lost any.", COUNT_OR_NULL),
        "dropped": said("Those of the dead whose letters were thrown away.", COUNT),
        "erased": said("Those of the stored and the dead that erasures have removed.", COUNT),
        "dead_letters": said("Letters that are kept.", COUNT),
        "halted": said("Why workers store nothing; empty while they do.", TEXT),
        "balanced": YES_NO,
        "what": said("What does not add up; empty if it balances.", TEXT),
    }
    checks = {"type": "object", "additionalProperties": TEXT}
    return {
        "Limits": record({name: SIZE if isinstance(value, int) else names for name, value in limits.items()}),
        "Ready": record({"ready": YES_NO, "checks": said("`ok`, or what is wrong, without an address.", checks)}),
        "Audit": record(
            audit, description="accepted = stored + duplicate + dead + queued. All but messages are events."
        ),
    }
