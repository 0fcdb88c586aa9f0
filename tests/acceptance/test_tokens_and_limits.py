"""Tokens and rate limits over real processes: the front under WSGI, and api with its stream lane under ASGI."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from coinslot import Client
from coinslot.client import Refused
from coinslot.stack.servers import RedisServer
from tests.pipeline import PATH, Pipeline, until
from tests.wire import Stream, exchange

READ, WRITE, ADMIN = (f"{kind}-token-{uuid.uuid4().hex}" for kind in ("read", "write", "admin"))
UNKNOWN = f"unknown-token-{uuid.uuid4().hex}"
TOKENS = {"READ_TOKENS": READ, "WRITE_TOKENS": f"other-{WRITE},{WRITE}", "ADMIN_TOKENS": ADMIN}
BEARERS = {"nobody": "", "a stranger": UNKNOWN, "a reader": READ, "a writer": WRITE, "an admin": ADMIN}
EVENT = b'{"timestamp": 1333046104322}'
MIB = 1024 * 1024
ORIGIN = "https://shop.example"

MISSING = {"error": {"what": "Missing or invalid authorization header"}}


def guarded(folder: Path, prefix: str, redis_url: str, mongodb_url: str, **more: str) -> Pipeline:
    environment = {"REDIS_URL": redis_url, "MONGODB_URL": mongodb_url, "DB_NAME": prefix, "KEY_PREFIX": prefix}
    return Pipeline(folder, {**environment, **TOKENS, **more}, api=True, token=ADMIN)


@pytest.fixture(scope="module")
def shut(redis_url: str, mongodb_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A Coinslot that asks for tokens; its own helpers send the admin's."""
    folder, prefix = tmp_path_factory.mktemp("shut"), f"test-{uuid.uuid4().hex[:12]}"
    pipeline = guarded(folder, prefix, redis_url, mongodb_url, CORS_ORIGINS=ORIGIN).start()
    yield pipeline
    pipeline.stop()


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def ask(pipeline: Pipeline, method: str, url: str, token: str, **more: Any) -> urllib3.BaseHTTPResponse:
    headers = {**bearing(token), **more.pop("headers", {})}
    return pipeline.http.request(method, url, headers=headers, **more)


def statuses(pipeline: Pipeline, method: str, url: str, **more: Any) -> dict[str, int]:
    """Of the same request, by who asks."""
    return {who: ask(pipeline, method, url, token, **more).status for who, token in BEARERS.items()}


sides = pytest.mark.parametrize("side", ["url", "api_url"])


@sides
@pytest.mark.parametrize(
    "path", ["/", "/alive", "/ready", "/limits", "/openapi.json", "/wsapi/ping", "/static/coinslot.js"]
)
def test_what_says_nothing_of_events_is_open_to_all(shut: Pipeline, side: str, path: str) -> None:
    assert set(statuses(shut, "GET", getattr(shut, side) + path).values()) == {200}


@sides
@pytest.mark.parametrize("path", [PATH, f"{PATH}?limit=1", f"{PATH}/count", f"{PATH}/last", "/audit"])
def test_reading_takes_a_read_token(shut: Pipeline, side: str, path: str) -> None:
    shut.send([{"timestamp": 1}])
    until(shut.count)

    told = statuses(shut, "GET", getattr(shut, side) + path)

    assert told == {"nobody": 401, "a stranger": 401, "a reader": 200, "a writer": 403, "an admin": 200}


@sides
def test_following_takes_a_read_token(shut: Pipeline, side: str) -> None:
    told = {}
    for who, token in BEARERS.items():
        with Stream(getattr(shut, side), **bearing(token)) as stream:
            told[who] = stream.status

    assert told == {"nobody": 401, "a stranger": 401, "a reader": 200, "a writer": 403, "an admin": 200}


@sides
def test_a_reader_is_told_what_a_writer_posts(shut: Pipeline, side: str) -> None:
    shut.wait_settled()  # what other tests sent is told, too

    with Stream(getattr(shut, side), **bearing(READ)) as stream:
        posted = ask(shut, "POST", shut.url + PATH, WRITE, body=EVENT, headers={"Content-Type": "application/json"})

        doc = stream.doc()

    assert posted.status == 201
    assert doc["_id"] == posted.json()["ids"][0]


def test_posting_takes_a_write_token(shut: Pipeline) -> None:
    told = statuses(shut, "POST", shut.url + PATH, body=EVENT, headers={"Content-Type": "application/json"})

    assert told == {"nobody": 401, "a stranger": 401, "a reader": 403, "a writer": 201, "an admin": 201}


@sides
@pytest.mark.parametrize(("method", "path"), [("GET", "/a-route-that-was-forgotten"), ("PUT", PATH), ("OPTIONS", PATH)])
def test_positive_control_what_is_not_in_the_table_is_the_admins(
    shut: Pipeline, side: str, method: str, path: str
) -> None:
    told = statuses(shut, method, getattr(shut, side) + path)

    past_the_door = told.pop("an admin")
    assert told == {"nobody": 401, "a stranger": 401, "a reader": 403, "a writer": 403}
    assert past_the_door in (200, 404, 405)


@sides
def test_a_refusal_says_what_is_missing(shut: Pipeline, side: str) -> None:
    url = getattr(shut, side) + PATH

    nobody, writer = ask(shut, "GET", url, ""), ask(shut, "GET", url, WRITE)

    assert nobody.json() == MISSING
    assert nobody.headers["WWW-Authenticate"] == "Bearer"
    assert writer.json() == {"error": {"what": "this needs a token of the kind: read"}}


@sides
def test_a_token_is_taken_from_the_authorization_header_alone(shut: Pipeline, side: str) -> None:
    url = getattr(shut, side)
    elsewhere = [
        ask(shut, "GET", f"{url}{PATH}/count?token={ADMIN}&access_token={ADMIN}", ""),
        ask(shut, "GET", f"{url}{PATH}/count", "", headers={"Cookie": f"token={ADMIN}; Authorization=Bearer {ADMIN}"}),
        ask(shut, "GET", f"{url}{PATH}/count", "", headers={"Authorization": f"Basic {ADMIN}", "X-Api-Key": ADMIN}),
        ask(shut, "POST", f"{url}{PATH}", "", fields={"access_token": ADMIN, "data": EVENT}, encode_multipart=False),
    ]

    assert [answer.status for answer in elsewhere] == [401] * 4
    assert ask(shut, "GET", f"{url}{PATH}/count", "", headers={"authorization": f"bEARER  {READ}"}).status == 200


@sides
@pytest.mark.parametrize(
    "target",
    [
        f"//alive/..{PATH}",
        f"/static/..{PATH}",
        "/static/../audit",
        "/static/%2e%2e/audit",
        "/static/%252e%252e/audit",
        "/alive/../audit",
        "/alive;/../audit",
        "/./audit",
        "//audit",
        "/%61udit",
        "/AUDIT",
        "/audit?/alive",
        "/audit#/alive",
        "http://127.0.0.1/audit",
        f"{PATH}%00",
        "*",
    ],
)
def test_no_spelling_of_a_path_gets_past_the_door(shut: Pipeline, side: str, target: str) -> None:
    request = f"GET {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode()

    status = exchange(getattr(shut, side), request).split(b" ", 2)[1]

    assert status in (b"400", b"401", b"404")


@sides
def test_two_authorization_headers_are_none(shut: Pipeline, side: str) -> None:
    twice = f"Authorization: Bearer {READ}\r\n" * 2
    request = f"GET {PATH}/count HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{twice}\r\n".encode()

    assert exchange(getattr(shut, side), request).startswith(b"HTTP/1.1 401")


@sides
@pytest.mark.parametrize("size_bytes", [431, 64 * 1024, 8 * MIB])
@pytest.mark.parametrize(("token", "status"), [(UNKNOWN, 401), (READ, 403)], ids=["a stranger", "a reader"])
def test_a_body_that_is_refused_is_not_read_and_harms_no_request_after_it(
    shut: Pipeline, side: str, size_bytes: int, token: str, status: int
) -> None:
    url = getattr(shut, side)

    for _ in range(5):
        refused = ask(shut, "POST", url + PATH, token, body=b"x" * size_bytes)
        after = ask(shut, "GET", f"{url}{PATH}/count", READ)

        assert refused.status == status
        assert "what" in refused.json()["error"]
        assert refused.headers["Connection"] == "close"
        assert after.status == 200


@sides
def test_a_refusal_is_not_held_up_by_a_body_that_does_not_come(shut: Pipeline, side: str) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: test\r\nContent-Length: {8 * MIB}\r\nExpect: 100-continue\r\n\r\n"

    answer = exchange(getattr(shut, side), head.encode())

    assert answer.startswith(b"HTTP/1.1 401")
    assert b"100 Continue" not in answer


@sides
def test_a_page_may_ask_whether_it_may_send_its_token_and_read_why_it_was_refused(shut: Pipeline, side: str) -> None:
    url = getattr(shut, side) + PATH
    preflight = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}

    asked = ask(shut, "OPTIONS", url, "", headers={**preflight, "Access-Control-Request-Headers": "authorization"})
    refused = ask(shut, "GET", url, "", headers={"Origin": ORIGIN})

    assert asked.status == 204
    assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
    assert refused.status == 401
    assert refused.headers["Access-Control-Allow-Origin"] == ORIGIN


def test_the_python_client_sends_its_token_and_does_not_try_again_what_is_refused(shut: Pipeline) -> None:
    with Client(shut.url, token=ADMIN) as client, Client(shut.url, token=READ) as reader, Client(shut.url) as nobody:
        changes = reader.follow()
        id = client.save({"timestamp": 5})

        followed = next(changes).event["_id"]
        with pytest.raises(Refused) as wrong_kind:
            reader.save({"timestamp": 5})
        with pytest.raises(Refused) as no_token:
            nobody.follow()

    assert followed == id
    assert (wrong_kind.value.status, no_token.value.status) == (403, 401)


def test_the_command_line_takes_its_token_from_the_environment_and_shows_it_nowhere(
    shut: Pipeline, tmp_path: Path
) -> None:
    (tmp_path / "events").write_bytes(EVENT)

    def run(*arguments: str, token: str = "") -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "COINSLOT_URL": shut.url, "COINSLOT_TOKEN": token}
        command = [sys.executable, "-m", "coinslot.cli", *arguments]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=30)

    sent, counted = run("send", "events", token=WRITE), run("count", token=READ)
    refused, malformed, explained = run("count"), run("count", token="s3cret"), run("count", "--help", token=READ)

    assert (sent.returncode, counted.returncode) == (0, 0), sent.stderr + counted.stderr
    assert int(counted.stdout) > 0
    assert (refused.returncode, malformed.returncode) == (1, 2)
    assert refused.stderr == "coinslot: Missing or invalid authorization header (401)\n"
    said = "".join(each.stdout + each.stderr for each in (sent, counted, refused, malformed, explained))
    assert not any(secret in said for secret in (READ, WRITE, "s3cret"))


NODE = shutil.which("node")
STATIC = Path(__file__).parents[2] / "api" / "static"

# As much of a browser as live.js needs; `door` is the form that asks for a token.
BROWSER = """
const server = process.argv[2];
const elements = {};
const element = (id) => elements[id] ??= {
  id, hidden: id === "door", value: "", textContent: "", children: [], dataset: {}, listeners: {},
  addEventListener(name, listener) { this.listeners[name] = listener; },
  append() {}, setAttribute() {},
  appendChild(child) { return child; },
  prepend(child) { this.children.unshift(child); },
  submit() { return this.listeners.submit({ preventDefault() {} }); },
};
let made = 0;
globalThis.document = { getElementById: element, createElement: () => element(`made ${made++}`) };
globalThis.requestAnimationFrame = (show) => setTimeout(show, 0);
const kept = {};
globalThis.sessionStorage = {
  getItem: (name) => kept[name] ?? null,
  setItem: (name, value) => { kept[name] = value; },
};
const ask = globalThis.fetch;
globalThis.fetch = (url, options) => ask(server + url.slice(url.indexOf("/wsapi")), options);
const until = async (ask) => { while (!ask()) await new Promise((resolve) => setTimeout(resolve, 10)); };

const { door, token, status, slot, event, result, feed } = new Proxy({}, { get: (_, id) => element(id) });
"""


@pytest.mark.skipif(NODE is None, reason="there is no node on PATH: the first page is not tested")
def test_the_first_page_asks_for_a_token_keeps_it_for_its_tab_and_goes_on(shut: Pipeline, tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"type": "module"}')
    shutil.copytree(STATIC, tmp_path / "static")
    (tmp_path / "browser.js").write_text(
        BROWSER
        + """
        await import("./static/live.js");
        const told = [];
        for (const tried of process.argv.slice(3)) {
          await until(() => !door.hidden);
          told.push(status.textContent);
          status.textContent = "";
          token.value = tried;
          door.submit();
          await until(() => status.textContent);
        }
        await until(() => status.textContent === "connected");
        event.value = '{"timestamp": 7, "greeting": "hello"}';
        await slot.submit();
        await until(() => feed.children.some((item) => result.textContent.endsWith(item.dataset.id)));
        console.log(JSON.stringify({ told, kept, hidden: door.hidden, value: token.value }));
        process.exit();
        """
    )
    assert NODE

    done = subprocess.run(
        [NODE, "browser.js", shut.url, "not a token", UNKNOWN, WRITE, ADMIN],
        cwd=tmp_path, capture_output=True, text=True, timeout=30,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    page = json.loads(done.stdout)
    assert page["told"] == [
        "Missing or invalid authorization header (401)",
        "this cannot be a token",
        "Missing or invalid authorization header (401)",
        "this needs a token of the kind: read (403)",
    ]
    assert page["kept"] == {"coinslot-token": ADMIN}
    assert (page["hidden"], page["value"]) == (True, "")


# The rate limit


@pytest.fixture
def limited(redis_of_its_own: RedisServer, mongodb_url: str, prefix: str, tmp_path: Path) -> Iterator[Pipeline]:
    pipeline = guarded(tmp_path, prefix, redis_of_its_own.url, mongodb_url, RATE_LIMIT="6/hour").start()
    yield pipeline
    pipeline.stop()


def test_requests_are_counted_by_token_over_all_processes_and_pass_uncounted_when_redis_is_away(
    limited: Pipeline, redis_of_its_own: RedisServer
) -> None:
    counts = [f"{url}{PATH}/count" for url in (limited.url, limited.api_url)] * 4
    text = {"Content-Type": "text/plain"}

    by_reader = [ask(limited, "GET", url, READ) for url in counts]
    by_writer = ask(limited, "POST", limited.url + PATH, WRITE, body=EVENT, headers=text)
    by_nobody = [ask(limited, "GET", url, UNKNOWN).status for url in counts]
    is_open = ask(limited, "GET", f"{limited.url}/alive", READ)
    with Stream(limited.api_url, **bearing(READ)) as stream:
        following = stream.status
    large = {"body": b"x" * MIB, "headers": text}
    by_admin = [ask(limited, "POST", limited.url + PATH, ADMIN, **large).status for _ in range(8)]
    redis_of_its_own.kill()
    uncounted = [ask(limited, "GET", url, READ) for url in counts]

    assert [answer.status for answer in by_reader] == [200] * 6 + [429] * 2
    assert [answer.headers["RateLimit-Remaining"] for answer in by_reader] == ["5", "4", "3", "2", "1", "0", "0", "0"]
    assert {answer.headers["RateLimit-Limit"] for answer in by_reader} == {"6"}
    assert 3500 < int(by_reader[-1].headers["Retry-After"]) <= 3600
    assert by_reader[-1].headers["RateLimit-Reset"] == by_reader[-1].headers["Retry-After"]
    assert by_reader[-1].json()["error"]["what"].startswith("more requests than this token may make")
    assert (by_writer.status, by_writer.headers["RateLimit-Remaining"]) == (201, "5")
    assert by_nobody == [401] * 8
    assert is_open.status == 200
    assert "RateLimit-Limit" not in is_open.headers
    assert following == 429
    assert by_admin == [400] * 6 + [429] * 2
    assert [answer.status for answer in uncounted] == [200] * 8
    assert not any("RateLimit-Limit" in answer.headers for answer in uncounted)
