"""The door: who is let in, and what the others are told."""

from __future__ import annotations

import json

import pytest

from coinslot.access.door import Denied, Door, create_door
from coinslot.access.rate import Count
from coinslot.access.tokens import Bearer, Tokens
from coinslot.settings import Settings

READ, WRITE, ADMIN = (f"{kind}-token-0123456789" for kind in ("read", "write", "admin"))
EVENTS = "/wsapi/interaction_data"
REQUESTS = {"read": ("GET", EVENTS), "write": ("POST", EVENTS), "admin": ("DELETE", EVENTS)}


def a_door(count: Count | None = None) -> Door:
    return Door(Tokens(read=[READ], write=[WRITE], admin=[ADMIN]).bearer, lambda _: count)


def denied(door: Door, method: str, path: str, authorization: str) -> tuple[str, dict[str, str], str]:
    with pytest.raises(Denied) as caught:
        door.admit(method, path, authorization)
    return caught.value.status, dict(caught.value.headers), json.loads(caught.value.body)["error"]["what"]


@pytest.mark.parametrize("authorization", ["", f"Bearer {READ}x", f"Basic {ADMIN}"])
@pytest.mark.parametrize("kind", REQUESTS)
def test_without_a_known_token_it_is_401(kind: str, authorization: str) -> None:
    status, headers, what = denied(a_door(), *REQUESTS[kind], authorization)

    assert status == "401 Unauthorized"
    assert headers["WWW-Authenticate"] == "Bearer"
    assert headers["Content-Type"] == "application/json"
    assert what == "Missing or invalid authorization header"


def test_clients_of_the_kimball_api_are_told_as_they_know_it() -> None:
    with pytest.raises(Denied) as caught:
        a_door().admit("POST", "/v0/analytics", "Bearer unknown-token-0123")

    assert json.loads(caught.value.body) == {"error": "Missing or invalid authorization header"}
    assert dict(caught.value.headers)["Content-Length"] == str(len(caught.value.body))
    assert denied(a_door(), "POST", "/v0/analytics", f"Bearer {READ}")[2] == "this needs a token of the kind: write"


@pytest.mark.parametrize(("token", "kind"), [(READ, "write"), (READ, "admin"), (WRITE, "read"), (WRITE, "admin")])
def test_with_a_token_of_another_kind_it_is_403_and_says_which_is_needed(token: str, kind: str) -> None:
    status, headers, what = denied(a_door(), *REQUESTS[kind], f"Bearer {token}")

    assert status == "403 Forbidden"
    assert what == f"this needs a token of the kind: {kind}"
    assert "WWW-Authenticate" not in headers


@pytest.mark.parametrize(("token", "kind"), [(READ, "read"), (WRITE, "write"), *((ADMIN, kind) for kind in REQUESTS)])
def test_with_the_right_token_a_request_is_let_in_and_so_is_an_admin_with_all(token: str, kind: str) -> None:
    bearer = a_door().admit(*REQUESTS[kind], f"Bearer {token}")

    assert bearer
    assert kind in bearer.may


def test_what_is_open_is_asked_for_no_token_and_not_counted() -> None:
    assert a_door().admit("GET", "/alive", "Bearer nonsense") is None


def test_without_a_limit_nobody_is_to_be_counted() -> None:
    door = Door(Tokens(read=[READ]).bearer)

    assert door.admit("GET", EVENTS, f"Bearer {READ}") is None


def test_a_counted_answer_tells_of_the_limit() -> None:
    headers = a_door(Count(True, 1000, 7, 42)).count(Bearer("id", frozenset()))

    assert headers == [("RateLimit-Limit", "1000"), ("RateLimit-Remaining", "7"), ("RateLimit-Reset", "42")]


def test_beyond_the_limit_it_is_429_and_says_when_to_come_back() -> None:
    with pytest.raises(Denied) as caught:
        a_door(Count(False, 1000, 0, 42)).count(Bearer("id", frozenset()))

    headers = dict(caught.value.headers)
    assert caught.value.status == "429 Too Many Requests"
    assert headers["Retry-After"] == headers["RateLimit-Reset"] == "42"
    assert headers["RateLimit-Remaining"] == "0"
    assert "42 s" in json.loads(caught.value.body)["error"]["what"]


def test_where_nothing_could_be_counted_the_request_passes_and_nothing_is_told() -> None:
    assert a_door(None).count(Bearer("id", frozenset())) == []


def test_there_is_no_door_while_authentication_is_off() -> None:
    assert create_door(Settings.load(read_tokens=READ, api_auth="disable")) is None
    assert create_door(Settings.load(read_tokens=READ, api_auth="enable")) is not None
