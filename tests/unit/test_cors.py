"""CORS: which headers, for which origins."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from coinslot.cors import EXPOSED, Cors, Headers

OURS, THEIRS = "https://ours.example", "https://theirs.example"

PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}


def ask(origins: list[str], method: str, headers: dict[str, str]) -> tuple[int, Headers, bytes]:
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-app", b"yes")]})
        await send({"type": "http.response.body", "body": b"body"})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    asyncio.run(Cors(app, origins).asgi()({"type": "http", "method": method, "headers": raw}, None, send))
    return sent[0]["status"], [(k.decode(), v.decode()) for k, v in sent[0]["headers"]], sent[1]["body"]


def test_a_page_of_an_allowed_origin_may_read_the_answer() -> None:
    status, headers, body = ask([OURS], "GET", {"origin": OURS})

    assert (status, body) == (200, b"body")
    assert headers == [
        ("x-app", "yes"),
        ("access-control-allow-origin", OURS),
        ("access-control-expose-headers", EXPOSED),
        ("vary", "Origin"),
    ]


@pytest.mark.parametrize("headers", [{"origin": THEIRS}, {"origin": "null"}, {}, {"origin": f"{OURS}.evil.example"}])
def test_all_others_are_told_nothing_but_that_it_varies(headers: dict[str, str]) -> None:
    status, answered, body = ask([OURS], "POST", headers)

    assert (status, body) == (200, b"body")
    assert answered == [("x-app", "yes"), ("vary", "Origin")]


@pytest.mark.parametrize("headers", [{"origin": THEIRS}, {}])
def test_a_star_lets_everyone_in(headers: dict[str, str]) -> None:
    assert ("access-control-allow-origin", "*") in ask(["*"], "GET", headers)[1]


def test_a_preflight_of_an_allowed_origin_is_answered_here() -> None:
    status, headers, body = ask([OURS], "OPTIONS", {"origin": OURS, **PREFLIGHT})

    told = dict(headers)
    assert (status, body) == (204, b"")
    assert told["access-control-allow-origin"] == OURS
    assert {"GET", "POST", "DELETE"} <= set(told["access-control-allow-methods"].split(", "))
    assert {"Content-Type", "Content-Encoding", "Last-Event-ID"} <= set(
        told["access-control-allow-headers"].split(", ")
    )
    assert "x-app" not in told


def test_a_preflight_of_another_origin_gets_no_leave() -> None:
    assert ask([OURS], "OPTIONS", {"origin": THEIRS, **PREFLIGHT}) == (204, [("vary", "Origin")], b"")


def test_options_without_the_marks_of_a_preflight_is_the_apps() -> None:
    assert ask([OURS], "OPTIONS", {"origin": OURS})[2] == b"body"


def test_without_origins_nothing_stands_before_the_app() -> None:
    def app() -> None: ...

    assert Cors(app, []).asgi() is app
