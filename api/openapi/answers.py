"""Operations and their answers: what many have in common is said once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from api.openapi import Json, ref
from api.openapi.shapes import TEXT, record
from coinslot.access.permission import Kind
from coinslot.media import JSON

RATE = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
DENIED = {"401": "Unauthorized", "403": "Forbidden", "429": "TooOften"}


def operation(id: str, tag: str, summary: str, responses: Json, *, needs: Kind = "nothing", **more: Any) -> Json:
    """An operation. One that needs a token may be denied for want of it, and tells of the rate limit."""
    security: list[Json] = []
    if needs != "nothing":
        security = [{"token": [needs]}]
        responses = shared(DENIED) | {status: _told(response) for status, response in responses.items()}
    ordered = dict(sorted(responses.items()))
    return {"operationId": id, "tags": [tag], "summary": summary, "security": security, **more, "responses": ordered}


def answer(description: str, content: Json, headers: Iterable[str] = ()) -> Json:
    """content: by type, the schema of the body, and perhaps an example beside it."""
    described: Json = {"description": description, "content": content}
    return {**described, "headers": _headers(headers)} if headers else described


def json(description: str, schema: Json, headers: Iterable[str] = (), **beside: Any) -> Json:
    """An answer that is always JSON."""
    return answer(description, {JSON: {"schema": schema, **beside}}, headers)


def shared(names: dict[str, str]) -> Json:
    """Those of the components, by status."""
    return {status: ref("responses", name) for status, name in names.items()}


def components() -> Json:
    return {
        "BadRequest": _error("The request is not understood; the error says what is wrong with it.", RATE),
        "NotFound": _error("There is nothing of that name.", RATE),
        "Unavailable": _error("Redis or the store is out of reach; try again.", ("Retry-After", *RATE)),
        "Unauthorized": _error("No token, or one that is not known.", ("WWW-Authenticate",)),
        "UnauthorizedV0": json(
            "The same, as clients of these paths know it.", record({"error": TEXT}), ("WWW-Authenticate",)
        ),
        "Forbidden": _error("A token of another kind than this needs."),
        "TooOften": _error("This token has asked too often.", ("Retry-After", *RATE)),
    }


def headers() -> Json:
    seconds = {"type": "integer", "minimum": 1}
    return {
        "Link": _header('Where the next page is, if there is one: `<URL>; rel="next"`.', {"type": "string"}),
        "Retry-After": _header("Seconds to wait before another try.", seconds, required=True),
        "RateLimit-Limit": _header("Requests a window, where the server limits them.", {"type": "integer"}),
        "RateLimit-Remaining": _header("Those left of them now.", {"type": "integer"}),
        "RateLimit-Reset": _header("Seconds until there are more.", seconds),
        "WWW-Authenticate": _header("The scheme of the token.", {"const": "Bearer"}, required=True),
    }


def _told(response: Json) -> Json:
    return (
        response if "$ref" in response else {**response, "headers": {**response.get("headers", {}), **_headers(RATE)}}
    )


def _error(description: str, names: Iterable[str] = ()) -> Json:
    return json(description, ref("schemas", "Error"), names)


def _headers(names: Iterable[str]) -> Json:
    return {name: ref("headers", name) for name in names}


def _header(description: str, schema: Json, *, required: bool = False) -> Json:
    return {"description": description, "required": required, "schema": schema}
