"""JSON as nobody would write it, made of the fuzzer's bytes: nearly all of it is well-formed, most of it is odd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

MAX_LEVELS = 6

WHITE = ["", "", "", " ", "\n", "\r\n", "\t"]
KEYS = ['"timestamp"', '"_id"', '"data"', '"a"', '""', '"$ref"', '"$id"', '"$db"', '"a.b"', r'"\u005fid"', r'"\u0062"']
NUMBERS = [
    *("0", "-0", "-0.0", "1", "-1", "1e3", "1E+3", "1e-3", "0.1", "1e308", "1e-324", "5e-324", "1.0", "1e0"),
    *("9223372036854775807", "-9223372036854775808", "9007199254740993", "9007199254740993.0"),
    *("0." + "0" * 400 + "1", "1" * 30 + "." + "9" * 30, "1" * 300 + ".5"),
    *("2.2250738585072011e-308", "18446744073709551616.0"),
]
TEXTS = [
    *('""', '"x"', r'"\""', r'"\\"', r'"\/"', r'"\b\f\n\r\t"', r'"\u0000"', r'"\ud834\udd1e"', r'"\uD834\uDD1E"'),
    *('"\u2028\u2029"', '"\U0001d11e"', '"\x7f"', '"[{"', '"{\\"timestamp\\": 1}"', '"[]"', '"\ufeff"', '"\uffff"'),
    *('"' + character * 128 + '"' for character in ("x", "ü", "\U0001d11e")),
]
OTHERS = ["true", "false", "null"]
BAD = [
    *("9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616", "1" * 400),
    *("1e309", "-1e309", "01", "+1", "1.", ".5", "0x1", "NaN", "Infinity", "-Infinity", "True", "", "1 2", "//"),
    *(r'"\ud800"', r'"\udc00"', r'"\ud800\u0041"', r'"\x"', '"\x01"', '"a\nb"', "'x'", '"' + "x" * 129 + '"', "\x00"),
]


TIMES = [
    *('"2024-05-01T12:00:00Z"', '"2024-05-01t12:00:00.5z"', '"2024-02-29T23:59:59.999999-23:59"'),
    *('"0002-01-01T00:00:00+23:59"', '"9998-12-31T23:59:59-23:59"', '"2024-05-01 12:00:00+0100"'),
    *('"2024-05-01T12:00:00"', '"2024-05-01"', '"2023-02-29T12:00:00Z"', '"2016-12-31T23:59:60Z"'),
    *('"0001-01-01T00:00:00+01:00"', '"9999-12-31T23:59:59Z"', '"2024-W18-3T12:00:00Z"', '"12:00Z"', '""', "0"),
]
# By an analytic event's fields, what most often stands there.
ANALYTIC = {
    '"event_name"': TEXTS,
    '"user_id"': TEXTS,
    r'"user\u005fid"': TEXTS,
    '"namespace"': [*TEXTS, "null"],
    '"value"': [*NUMBERS, "null"],
    '"ensure_goal"': OTHERS,
    '"datetime"': [*TIMES, "null"],
}


class Provider(Protocol):
    """Of atheris.FuzzedDataProvider, what is used here. When its bytes are at an end it gives 0."""

    def ConsumeIntInRange(self, least: int, most: int) -> int: ...


def event(provider: Provider) -> bytes:
    """An object that has a timestamp, nearly always."""
    members = [_member(provider, MAX_LEVELS) for _ in range(provider.ConsumeIntInRange(0, 6))]
    if provider.ConsumeIntInRange(0, 9):
        members.append(f'"timestamp":{_pick(provider, BAD if provider.ConsumeIntInRange(0, 19) == 1 else NUMBERS)}')
    return _bytes(_list(provider, "{", members, "}"))


def analytic_event(provider: Provider) -> bytes:
    """An object that has an event's name and a user's id, nearly always."""
    members = [_member(provider, 2) for _ in range(provider.ConsumeIntInRange(0, 2))]
    for name, values in ANALYTIC.items():
        fate = provider.ConsumeIntInRange(0, 19)
        if fate < 1 or (fate < 10 and name not in ('"event_name"', '"user_id"')):
            continue
        members.append(f"{name}:{_value(provider, 1) if fate == 10 else _pick(provider, values)}")
    return _bytes(_list(provider, "{", members, "}"))


def array(provider: Provider) -> bytes:
    """Events, nearly all of them."""
    elements = [event(provider).decode(errors="replace") for _ in range(provider.ConsumeIntInRange(0, 8))]
    if not provider.ConsumeIntInRange(0, 4):
        elements.append(_value(provider, MAX_LEVELS))
    return _bytes(_list(provider, "[", elements, "]"))


def deep(provider: Provider) -> bytes:
    """An event that is nested about as deep as one may be."""
    levels, pattern = provider.ConsumeIntInRange(90, 110), provider.ConsumeIntInRange(0, 255)
    opening, closing = "", ""
    for level in range(levels):
        is_list = pattern >> level % 8 & 1
        opening, closing = opening + ("[" if is_list else '{"a":'), ("]" if is_list else "}") + closing
    return _bytes(f'{{"timestamp":1,"value":{opening}{_value(provider, 0)}{closing}}}')


EVENTS: list[Callable[[Provider], bytes]] = [event, event, deep]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _value(provider: Provider, levels: int) -> str:
    kind = provider.ConsumeIntInRange(0, 19)
    if kind < 3 and levels:
        return _list(provider, "[", [_value(provider, levels - 1) for _ in range(_few(provider))], "]")
    if kind < 6 and levels:
        return _list(provider, "{", [_member(provider, levels - 1) for _ in range(_few(provider))], "}")
    if kind < 12:
        return _pick(provider, NUMBERS)
    return _pick(provider, TEXTS if kind < 18 else OTHERS if kind < 19 else BAD)


def _member(provider: Provider, levels: int) -> str:
    return f"{_pick(provider, KEYS)}{_pick(provider, WHITE)}:{_value(provider, levels)}"


def _list(provider: Provider, opening: str, parts: list[str], closing: str) -> str:
    white = _pick(provider, WHITE)
    return f"{white}{opening}{white}{f'{white},{white}'.join(parts)}{white}{closing}{white}"


def _few(provider: Provider) -> int:
    return provider.ConsumeIntInRange(0, 3)


def _pick(provider: Provider, choices: list[str]) -> str:
    return choices[provider.ConsumeIntInRange(0, len(choices) - 1)]
