"""Whether an answer is one of those that the document tells of."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import urllib3
from jsonschema import Draft202012Validator

from coinslot.media import JSON, NDJSON
from tests.openapi.strict import strict

ANY = "*/*"


class Told(NamedTuple):
    """One of the answers of a document; `media` is a key of its content, or empty where it has no body."""

    operation: str
    status: int
    media: str


class Judge:
    """Fails on an answer that is not in the document, whose body is of another shape, or that lacks a header."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = strict(document)

    def told(self) -> set[Told]:
        """All answers of the document."""
        return {
            Told(operation["operationId"], int(status), media)
            for path in self._document["paths"].values()
            for operation in path.values()
            for status, response in operation["responses"].items()
            for media in self._at(response).get("content", {"": None})
        }

    def check(self, method: str, template: str, answer: urllib3.BaseHTTPResponse) -> Told:
        """Which of them an answer is; `template` is a path of the document."""
        operation = self._document["paths"][template][method.lower()]
        responses = operation["responses"]
        assert str(answer.status) in responses, f"{answer.status} is not told of; {answer.data[:200]!r}"
        response = self._at(responses[str(answer.status)])
        for name, header in response.get("headers", {}).items():
            self._check_header(name, self._at(header), answer.headers.get(name))
        media = self._check_body(response["content"], answer) if "content" in response else ""
        return Told(operation["operationId"], answer.status, media)

    def check_value(self, schema: dict[str, Any], value: Any) -> None:
        Draft202012Validator({**schema, "components": self._document["components"]}).validate(value)

    def _check_header(self, name: str, header: dict[str, Any], value: str | None) -> None:
        assert value is not None or not header["required"], f"{name} is missing"
        if value is not None:
            is_number = header["schema"].get("type") == "integer"
            self.check_value(header["schema"], int(value) if is_number else value)

    def _check_body(self, content: dict[str, Any], answer: urllib3.BaseHTTPResponse) -> str:
        media = ANY if ANY in content else answer.headers["Content-Type"].partition(";")[0]
        assert media in content, f"{media} is not told of"
        if media != ANY:
            self.check_value(content[media]["schema"], read(media, answer.data))
        return media

    def _at(self, part: dict[str, Any]) -> dict[str, Any]:
        """What a part refers to, or itself."""
        found: dict[str, Any] = self._document
        for name in part.get("$ref", "").split("/")[1:]:
            found = found[name]
        return found if "$ref" in part else part


def read(media: str, body: bytes) -> Any:
    if media == NDJSON:
        return [json.loads(line) for line in body.splitlines()]
    return json.loads(body) if media == JSON else body.decode()
