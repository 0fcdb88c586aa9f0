"""Access: the door in front of a whole ASGI application."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from coinslot.access.door import Door
from coinslot.access.middleware import Access
from coinslot.access.rate import Count
from coinslot.access.tokens import Tokens
from coinslot.cors import Cors

READ, WRITE, ADMIN = (f"{kind}-token-0123456789" for kind in ("read", "write", "admin"))
EVENTS = "/wsapi/interaction_data"
ORIGIN = "https://ours.example"

Headers = dict[str, str]
Counting = Callable[[str], Count | None]


def a_door(count: Counting | None = None) -> Door:
    return Door(Tokens(read=[READ], write=[WRITE], admin=[ADMIN]).bearer, count)


def ask(door: Door, method: str, path: str, headers: Headers, origins: tuple[str, ...] = ()) -> tuple[int, Headers]:
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-app", b"yes")]})
        await send({"type": "http.response.body", "body": b"body"})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    fields = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "headers": fields}
    asyncio.run(Cors(Access(app, door).asgi(), origins).asgi()(scope, None, send))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    return sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}


def bearing(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/alive", {}, 200),
        ("GET", EVENTS, bearing(READ), 200),
        ("POST", EVENTS, bearing(WRITE), 200),
        ("DELETE", EVENTS, bearing(ADMIN), 200),
        ("GET", EVENTS, {}, 401),
        ("GET", EVENTS, bearing("unknown-token-0123456789"), 401),
        ("GET", EVENTS, {"Cookie": f"token={ADMIN}", "X-Token": ADMIN}, 401),
        ("POST", EVENTS, bearing(READ), 403),
        ("GET", EVENTS, bearing(WRITE), 403),
        ("GET", "/forgotten", bearing(READ), 403),
        ("GET", "/forgotten", bearing(ADMIN), 200),
    ],
)
def test_the_door_is_in_front_of_the_whole_application(method: str, path: str, headers: Headers, status: int) -> None:
    answered, told = ask(a_door(), method, path, headers)

    assert answered == status
    assert ("x-app" in told) == (status == 200)


@pytest.mark.parametrize("sent", [{"Content-Length": "431"}, {"Transfer-Encoding": "chunked"}])
def test_a_body_that_is_refused_ends_the_connection(sent: Headers) -> None:
    assert ask(a_door(), "POST", EVENTS, sent)[1]["connection"] == "close"


@pytest.mark.parametrize("sent", [{}, {"Content-Length": "0"}])
def test_a_refusal_without_a_body_keeps_it(sent: Headers) -> None:
    assert "connection" not in ask(a_door(), "GET", EVENTS, sent)[1]


def test_a_counted_answer_tells_of_the_limit_and_an_open_one_does_not() -> None:
    door = a_door(lambda _: Count(True, 5, 4, 60))

    counted = ask(door, "GET", EVENTS, bearing(READ))[1]
    is_open = ask(door, "GET", "/alive", bearing(READ))[1]

    assert (counted["ratelimit-limit"], counted["ratelimit-remaining"], counted["ratelimit-reset"]) == ("5", "4", "60")
    assert counted["x-app"] == "yes"
    assert is_open == {"x-app": "yes"}


def test_what_is_beyond_the_limit_does_not_reach_the_application() -> None:
    status, told = ask(
        a_door(lambda _: Count(False, 5, 0, 60)), "POST", EVENTS, {**bearing(WRITE), "Content-Length": "9"}
    )

    assert status == 429
    assert told["retry-after"] == "60"
    assert told["connection"] == "close"
    assert "x-app" not in told


def test_only_the_bearers_of_known_tokens_are_counted_each_by_itself() -> None:
    counted: list[str] = []
    door = a_door(lambda bearer: counted.append(bearer))

    for token in (READ, WRITE, READ, "unknown-token-0123456789"):
        ask(door, "GET", EVENTS, bearing(token))
    ask(door, "GET", "/alive", bearing(READ))

    assert len(counted) == 2
    assert len(set(counted)) == 1


def test_a_page_of_an_allowed_origin_may_read_why_it_was_refused() -> None:
    preflight = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}

    asked, told = ask(a_door(), "OPTIONS", EVENTS, preflight, (ORIGIN,))
    refused, why = ask(a_door(), "POST", EVENTS, {"Origin": ORIGIN}, (ORIGIN,))

    assert asked == 204
    assert "Authorization" in told["access-control-allow-headers"]
    assert refused == 401
    assert why["access-control-allow-origin"] == ORIGIN


def test_the_event_loop_does_not_wait_while_a_request_is_counted() -> None:
    released = threading.Event()

    def count(_: str) -> Count | None:
        assert released.wait(10)
        return None

    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    async def asked() -> None:
        scope = {
            "type": "http",
            "method": "GET",
            "path": EVENTS,
            "headers": [(b"authorization", f"Bearer {READ}".encode())],
        }
        asking = asyncio.ensure_future(Access(app, a_door(count)).asgi()(scope, None, None))
        await asyncio.sleep(0)
        released.set()  # which a loop that waits would never come to
        await asking

    asyncio.run(asked())


def test_the_beginning_and_the_end_of_an_asgi_application_pass() -> None:
    passed: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        passed.append(scope["type"])

    asyncio.run(Access(app, a_door()).asgi()({"type": "lifespan"}, None, None))

    assert passed == ["lifespan"]


def test_while_authentication_is_off_nothing_stands_before_the_application() -> None:
    def app() -> None: ...

    assert Access(app, None).asgi() is app
