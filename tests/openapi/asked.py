"""Requests, each with the answer of the document that it is to get: all of them together, so that none is made up."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from coinslot.media import FORM, JSON, NDJSON, TEXT
from tests.openapi.judge import ANY
from tests.pipeline import PATH

ANALYTICS = "/v0/analytics"
GOALS, SPECS = "/v0/goals", "/v0/featureSpecs"
LETTER = "/dead-letters/{id}"
EVENT = b'{"timestamp": 1}'
DONE = b'{"event_name": "a", "user_id": "u"}'
FORM_EVENT = b"data=%7B%22timestamp%22:1%7D"


class Ask(NamedTuple):
    """A request, and how it is to be answered. `template` is a path of the document, `path` the one asked for."""

    status: int
    media: str
    method: str
    template: str
    path: str
    body: Any = None
    headers: Mapping[str, str] = MappingProxyType({})


def post(status: int, media: str, body: Any, sent: str = JSON, query: str = "", **headers: str) -> Ask:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Ask(status, media, "POST", PATH, f"{PATH}{query}", body, {"Content-Type": sent, **fields})


def get(status: int, media: str, template: str, query: str = "", **headers: str) -> Ask:
    path = template.format(filename="coinslot.js", id="1700000000000-0") + query
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Ask(status, media, "GET", template, path, headers=fields)


def send(status: int, path: str, body: Any, sent: str = JSON) -> Ask:
    """204 has no body, and so no type."""
    return Ask(status, "" if status == 204 else JSON, "POST", path, path, body, {"Content-Type": sent})


ERASURES = ("/erasures", "/erasures/count")
NOBODY = b'{"field": "user_id", "value": "nobody"}'
GOAL = b'{"goal_name": "buy"}'
FLAG = b'{"featureSpecs": [{"name": "flag", "boolean": true}]}'
# What answers of analytics with a body, of the type beside it.
READS = [
    (JSON, ANALYTICS),
    (JSON, GOALS),
    (JSON, "/v0/namespaces"),
    (JSON, "/v0/predictions"),
    (JSON, "/v0/features"),
    (JSON, SPECS),
    (TEXT, "/metrics"),
    (TEXT, "/metrics/counters"),
    (TEXT, "/metrics/predictions"),
]
NUDGES = "?user_id=ann&goal=buy"

USUAL = [
    post(201, JSON, EVENT),
    post(201, JSON, b"[]"),
    post(201, JSON, EVENT, TEXT),
    post(201, JSON, EVENT + b"\n" + EVENT, NDJSON),
    post(201, JSON, b"{}", query="?on_error=skip"),
    post(201, TEXT, FORM_EVENT, FORM),
    post(201, TEXT, b'{"data": "[]"}'),
    post(400, JSON, b"{}"),
    post(400, JSON, EVENT, query="?on_error=fail"),
    post(400, TEXT, b"data=1", FORM),
    post(411, JSON, [EVENT]),
    post(411, TEXT, [FORM_EVENT], FORM),
    post(413, JSON, b" " * 4096),
    post(413, JSON, b"[" + b",".join([EVENT] * 4) + b"]"),
    post(413, TEXT, b"data=" + b" " * 4096, FORM),
    post(415, JSON, EVENT, "text/csv"),
    post(415, TEXT, FORM_EVENT, FORM, Content_Encoding="br"),
    send(204, ANALYTICS, DONE),
    send(204, ANALYTICS, b"[" + DONE + b"]"),
    send(204, ANALYTICS, b'{"events": [' + DONE + b"]}"),
    send(400, ANALYTICS, b"{}"),
    send(411, ANALYTICS, [DONE]),
    send(413, ANALYTICS, b"[" + b",".join([DONE] * 4) + b"]"),
    send(415, ANALYTICS, DONE, TEXT),
    get(200, JSON, PATH),
    get(200, JSON, PATH, "?limit=1&order=desc"),
    get(200, JSON, PATH, "?id=known"),
    get(200, NDJSON, PATH, "?start=0&end=2", Accept=NDJSON),
    get(400, JSON, PATH, "?start=x"),
    get(404, JSON, PATH, "?id=unknown"),
    get(200, JSON, f"{PATH}/count"),
    get(400, JSON, f"{PATH}/count", "?end=x"),
    get(200, JSON, f"{PATH}/last"),
    get(400, JSON, f"{PATH}/stream", "?after=x"),
    get(200, JSON, "/dead-letters"),
    get(400, JSON, "/dead-letters", "?limit=0"),
    get(400, JSON, "/dead-letters", "?queue=x"),
    *(
        Ask(status, JSON, method, template, template.format(id=id))
        for status, id in ((400, "x"), (404, "1700000000000-0"))
        for method, template in (("GET", LETTER), ("DELETE", LETTER), ("POST", f"{LETTER}/replay"))
    ),
    Ask(200, JSON, "POST", "/dead-letters/resume", "/dead-letters/resume"),
    *(
        send(status, path, body)
        for path in ERASURES
        for status, body in ((200, NOBODY), (400, b"{}"), (411, [NOBODY]), (413, b" " * 100_000))
    ),
    *(send(415, path, NOBODY)._replace(headers={"Content-Encoding": "gzip"}) for path in ERASURES),
    send(204, GOALS, GOAL),
    send(400, GOALS, b"{}"),
    send(411, GOALS, [GOAL]),
    send(413, GOALS, b" " * 100_000),
    send(415, GOALS, GOAL, TEXT),
    send(204, SPECS, FLAG),
    send(400, SPECS, b"{}"),
    send(411, SPECS, [FLAG]),
    send(413, SPECS, b" " * 1_000_000),
    send(415, SPECS, FLAG, TEXT),
    *(get(200, media, path) for media, path in READS),
    get(400, JSON, "/v0/predictions", "?event=made-up"),
    get(404, JSON, "/v0/predictions", "?user_id=nobody"),
    get(200, JSON, "/v0/nudges", NUDGES),
    get(400, JSON, "/v0/nudges"),
    get(400, JSON, "/v0/features", "?user_obj=!"),
    get(200, "text/html", "/api-docs"),
    get(200, JSON, "/api-docs", Accept=JSON),
    get(200, "text/html", "/"),
    get(200, JSON, "/openapi.json"),
    get(200, JSON, "/limits"),
    get(200, JSON, "/audit"),
    get(200, JSON, "/audit", "?queue=analytics"),
    get(400, JSON, "/audit", "?queue=x"),
    get(200, TEXT, "/wsapi/ping"),
    get(200, JSON, "/alive"),
    get(200, JSON, "/ready"),
    get(200, ANY, "/static/{filename}"),
    get(206, ANY, "/static/{filename}", Range="bytes=0-9"),
    get(304, "", "/static/{filename}", If_Modified_Since="Fri, 01 Jan 2100 00:00:00 GMT"),
    get(416, JSON, "/static/{filename}", Range="bytes=99999999-"),
    Ask(404, JSON, "GET", "/static/{filename}", "/static/nothing"),
]
# While nothing is stored.
EMPTY = [get(404, JSON, f"{PATH}/last")]
# While neither Redis nor the store is there.
LOST = [
    post(503, JSON, EVENT),
    post(503, TEXT, FORM_EVENT, FORM),
    send(503, ANALYTICS, DONE),
    get(503, JSON, PATH),
    get(503, JSON, f"{PATH}/count"),
    get(503, JSON, f"{PATH}/last"),
    get(503, JSON, f"{PATH}/stream"),
    send(503, GOALS, GOAL),
    send(503, SPECS, FLAG),
    *(get(503, JSON, path) for _, path in READS),
    get(503, JSON, "/v0/nudges", NUDGES),
    get(503, JSON, "/audit"),
    get(503, JSON, "/ready"),
    get(503, JSON, "/dead-letters"),
    *(
        Ask(503, JSON, method, template, template.format(id="1-0"))
        for method, template in (("GET", LETTER), ("DELETE", LETTER), ("POST", f"{LETTER}/replay"))
    ),
    Ask(503, JSON, "POST", "/dead-letters/resume", "/dead-letters/resume"),
    *(send(503, path, NOBODY) for path in ERASURES),
]
