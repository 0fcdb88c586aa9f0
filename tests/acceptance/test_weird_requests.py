"""Requests that nobody makes on purpose: each gets an answer that is no fault, in JSON where it is an error."""

from __future__ import annotations

import socket
from http.client import HTTPResponse
from urllib.parse import urlsplit

import msgspec
import pytest

from tests.pipeline import PATH, Pipeline

TIMEOUT_S = 10.0

ROUTES = [
    PATH,
    f"{PATH}/count",
    f"{PATH}/last",
    f"{PATH}/stream",
    f"{PATH}/",
    "/wsapi/ping",
    "/alive",
    "/ready",
    "/limits",
    "/audit",
    "/",
    "/static/coinslot.js",
    "/nowhere",
]
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "get", "X" * 200]
TARGETS = [
    "/static/",
    "/static/../app.py",
    "/static/..%2fapp.py",
    "/static/%2e%2e/%2e%2e/coinslot/settings.py",
    "/static//etc/passwd",
    "/static/\\..\\app.py",
    "/static/%00",
    "/%00",
    "/%ff%fe",
    "/" + "a/" * 5_000,
    "/" + "%41" * 5_000,
    f"{PATH};jsessionid=1",
    f"{PATH}/count/",
    f"{PATH}#fragment",
    f"{PATH}?",
    f"{PATH}?&&&=&=1&start",
    f"{PATH}?%",
    f"{PATH}?%zz=%zz",
    f"{PATH}?start=%00",
    f"{PATH}?start=1e999",
    f"{PATH}?start=-",
    f"{PATH}?start=%D9%A1",
    f"{PATH}?limit=9" + "9" * 5_000,
    f"{PATH}?id=",
    f"{PATH}?id=" + "x" * 10_000,
    f"{PATH}?id=%00%ff",
    f"{PATH}?after=%F0%9F%92%A9",
    f"{PATH}/count?start=1&end=0",
    f"{PATH}/stream?after=-1",
    f"{PATH}/stream?after=99999999999999999999-0",
    f"{PATH}/stream?after=1-99999999999999999999",
    f"{PATH}/stream?start=nan",
]
FIELDS = [
    "Accept: nonsense",
    "Accept: */*;q=x",
    "Accept: application/x-ndjson;q=1e400",
    "Accept: " + ",".join(["a/b"] * 5_000),
    "Accept: \xff\xfe",
    "Accept-Encoding: ,;=",
    "Accept-Language: \xff",
    "Authorization: Basic ====",
    "Authorization: Bearer",
    "Content-Type: ;",
    "Content-Type: multipart/form-data",
    "Content-Type: application/json; charset=nonsense",
    "Content-Type: \xff",
    "Content-Encoding: \xff",
    "Cookie: ;;=;a=\xff;\x01",
    "Expect: nonsense",
    "Forwarded: for=\"_\";;",
    "Host: ",
    "Host: a b",
    "Host: [::1",
    "Host: h:99999999",
    "Host: \xff",
    "If-Modified-Since: never",
    "If-None-Match: \"",
    "If-Range: x",
    "Last-Event-ID: \xff",
    "Last-Event-ID: 0-0-0",
    "Origin: null",
    "Range: bytes=5-1",
    "Range: bytes=99999999999999999999-",
    "Range: x",
    "Upgrade: h2c",
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x",
    "X-Forwarded-For: \xff",
    "X-HTTP-Method-Override: DELETE",
]  # fmt: skip


@pytest.fixture(params=["front", "api"])
def base(stack: Pipeline, request: pytest.FixtureRequest) -> str:
    return stack.url if request.param == "front" else stack.api_url


def ask(base: str, method: str, target: str, *fields: str) -> tuple[HTTPResponse, bytes]:
    """The answer and its body, as far as it has an end."""
    host = [] if any(field.startswith("Host") for field in fields) else ["Host: t"]
    lines = [f"{method} {target} HTTP/1.1", *host, "Connection: close", "Content-Length: 0", *fields, "", ""]
    parts = urlsplit(base)
    with socket.create_connection((parts.hostname, parts.port or 80), timeout=TIMEOUT_S) as connection:
        connection.sendall("\r\n".join(lines).encode("latin-1"))
        response = HTTPResponse(connection, method=method.upper())
        response.begin()
        return response, b"" if response.chunked else response.read()


def check(response: HTTPResponse, body: bytes) -> None:
    assert response.status < 500
    assert b"Traceback" not in body and b'File "' not in body
    # What is no HTTP the web server refuses itself, without a word.
    if response.status >= 400 and body and response.headers["Content-Type"] != "text/plain; charset=utf-8":
        assert msgspec.json.decode(body)["error"]["what"]


@pytest.mark.parametrize("method", METHODS)
def test_any_method_on_any_route(base: str, method: str) -> None:
    for route in ROUTES:
        check(*ask(base, method, route))


@pytest.mark.parametrize("target", TARGETS, ids=range(len(TARGETS)))
def test_any_target(base: str, target: str) -> None:
    for method in ("GET", "POST"):
        check(*ask(base, method, target))


@pytest.mark.parametrize("field", FIELDS, ids=range(len(FIELDS)))
def test_any_header(base: str, field: str) -> None:
    for method, route in [("POST", PATH), ("GET", PATH), ("GET", f"{PATH}/stream"), ("GET", "/"), ("GET", "/alive")]:
        check(*ask(base, method, route, field))


def test_no_file_is_given_out_but_those_of_the_first_page(base: str) -> None:
    for target in TARGETS:
        if target.startswith("/static"):
            assert ask(base, "GET", target)[0].status in (308, 400, 404)
    assert ask(base, "GET", "/static/coinslot.js")[0].status == 200
