"""The document as a page for people: what api/templates/api-docs.html shows of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from api.openapi import Json

METHODS = ("get", "post", "put", "patch", "delete")


class Operation(NamedTuple):
    """`parameters` and `answers`, by status, are as in the document, without references to components."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    needs: str  # the kind of token; empty for none
    parameters: list[Json]
    body: Json
    answers: dict[str, Json]


class Group(NamedTuple):
    """The operations of a tag."""

    name: str
    description: str
    operations: list[Operation]


class Field(NamedTuple):
    """A property of an object, at any depth: `error.what`, `ids[].name`, `goals.*.note`."""

    name: str
    shape: Markup
    is_optional: bool
    description: str


def groups(document: Json) -> list[Group]:
    """In the order of the document's tags."""
    found = [
        (operation["tags"][0], _operation(document, method, path, operation))
        for path, of in document["paths"].items()
        for method, operation in of.items()
        if method in METHODS
    ]
    return [
        Group(tag["name"], tag["description"], [operation for name, operation in found if name == tag["name"]])
        for tag in document["tags"]
    ]


def _operation(document: Json, method: str, path: str, operation: Json) -> Operation:
    security = operation.get("security", [])
    return Operation(
        operation["operationId"],
        method.upper(),
        path,
        operation["summary"],
        operation.get("description", ""),
        security[0]["token"][0] if security else "",
        [_at(document, parameter) for parameter in operation.get("parameters", ())],
        operation.get("requestBody", {}).get("content", {}),
        {status: _at(document, answer) for status, answer in operation["responses"].items()},
    )


def _at(document: Json, part: Json) -> Json:
    """What a part refers to, or itself."""
    for name in part["$ref"].split("/")[1:] if "$ref" in part else ():
        document = document[name]
    return document if "$ref" in part else part


def shape(schema: Any) -> Markup:
    """What a schema asks for, in a few words; a component of the document is a link to it."""
    if not isinstance(schema, dict):  # true or false
        return escape("anything" if schema else "nothing")
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return Markup('<a href="#schema-{0}">{0}</a>').format(name)
    for word, joint in (("anyOf", " or "), ("oneOf", " or "), ("allOf", " and ")):
        if word in schema:
            return Markup(joint).join(map(shape, schema[word]))
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        return Markup(" or ").join(Markup("<code>{}</code>").format(json.dumps(value)) for value in values)
    return _of_type(schema)


def _of_type(schema: Json) -> Markup:
    types = schema.get("type", "anything")
    name = types if isinstance(types, str) else " or ".join(types)
    if name == "array":
        return Markup("array of {}").format(shape(schema.get("items", True)))
    if "additionalProperties" in schema and "properties" not in schema:
        return Markup("object, each value {}").format(shape(schema["additionalProperties"]))
    return escape(name + "".join(_limits(schema)))


def _limits(schema: Mapping[str, Any]) -> Iterator[str]:
    words = {
        "minimum": ", {} or more",
        "maximum": ", {} or less",
        "minLength": ", of length {} or more",
        "maxLength": ", of length {} or less",
        "format": ", {}",
        "default": ", {} if absent",
    }
    return (text.format(schema[word]) for word, text in words.items() if word in schema)


def fields(schema: Any, prefix: str = "") -> Iterator[Field]:
    """The properties of an object, and of the objects in it that are no components."""
    if not isinstance(schema, dict):
        return
    for name, of in schema.get("properties", {}).items():
        described = of.get("description", "") if isinstance(of, dict) else ""
        yield Field(f"{prefix}{name}", shape(of), name not in schema.get("required", ()), described)
        yield from fields(of, f"{prefix}{name}.")
    for option in schema.get("anyOf", ()):
        yield from fields(option, prefix)
    if "additionalProperties" in schema:
        yield from fields(schema["additionalProperties"], f"{prefix}*.")
    if "items" in schema:
        yield from fields(schema["items"], f"{prefix.removesuffix('.')}[].")


def example(media: Json) -> str:
    """JSON of several lines; empty without one."""
    return json.dumps(media["example"], indent=2, ensure_ascii=False) if "example" in media else ""


def marked(text: str) -> Markup:
    """What stands between backticks is code."""
    parts = text.split("`")
    code = Markup("<code>{}</code>").format
    return Markup("").join(code(part) if number % 2 else part for number, part in enumerate(parts))


FILTERS: Mapping[str, Callable[..., Any]] = {"shape": shape, "fields": fields, "example": example, "marked": marked}
