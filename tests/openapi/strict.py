"""The document stricter than its readers need it: an answer with a property that it does not tell of is wrong."""

from __future__ import annotations

from typing import Any

SENT = ("Event", "Wrapped", "AnalyticEvent", "AnalyticEvents", "Goal", "FeatureSpecs", "FeatureSpec", "Condition")
OPEN = ("requestBody", *SENT)  # what is sent may hold more than is looked at


def strict(part: Any) -> Any:
    """A copy of a document or of a part of it."""
    if isinstance(part, list):
        return [strict(item) for item in part]
    if not isinstance(part, dict):
        return part
    copy = {name: item if name in OPEN else strict(item) for name, item in part.items()}
    return {"additionalProperties": False, **copy} if "properties" in copy else copy
