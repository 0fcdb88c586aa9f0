"""The document stricter than its readers need it: an answer with a property that it does not tell of is wrong."""

from __future__ import annotations

from typing import Any

OPEN = ("requestBody", "Event", "Wrapped")  # an event may hold anything


def strict(part: Any) -> Any:
    """A copy of a document or of a part of it."""
    if isinstance(part, list):
        return [strict(item) for item in part]
    if not isinstance(part, dict):
        return part
    copy = {name: item if name in OPEN else strict(item) for name, item in part.items()}
    return {"additionalProperties": False, **copy} if "properties" in copy else copy
