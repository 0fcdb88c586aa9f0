"""What is wrong with a setting, in one line."""

from __future__ import annotations

from pydantic_core import ErrorDetails

# Faults of shape, in the words of whoever writes TOML or JSON rather than of Python.
_PLAIN = {
    "tuple_type": "is no array",
    "model_type": "is no table",
    "missing": "is missing",
    "extra_forbidden": "is not known here",
}


def setting_of(fault: ErrorDetails) -> str:
    """The setting's name; empty where it is several that do not go together, whose names the line then says."""
    return str(fault["loc"][0]) if fault["loc"] else ""


def told(fault: ErrorDetails, name: str, *, is_secret: bool) -> str:
    """The setting by this name, which part of it, what stands there unless it is secret, and what is wrong with it."""
    reason = _PLAIN.get(fault["type"], fault["msg"].removeprefix("Value error, "))
    if not name:
        return reason
    places = [name]
    for part in fault["loc"][1:]:
        if isinstance(part, int):
            places[-1] += f" number {part + 1}"
        else:
            places.append(str(part))
    is_shown = isinstance(fault["input"], str | int | float) and not is_secret
    value = f"={fault['input']!r}" if is_shown else ""
    return f"{': '.join(places)}{value}: {reason}"
