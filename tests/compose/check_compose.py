"""docker-compose.yml, run for real: what the gateway does, and what a killed container costs.

Takes minutes and a docker engine, so `make test` leaves it out, by its name; `make test-compose` runs it.
"""

from __future__ import annotations

import json
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from threading import Thread

import pytest
import urllib3

from coinslot.client import Client
from coinslot.ports import free_port
from tests.compose.project import Project, missing
from tests.pipeline import PATH, until
from tests.smuggling import AMBIGUOUS, HELD, PIPELINED, Requests
from tests.wire import exchange

ORIGIN = "https://shop.example"
SLOW_CLIENTS = 500  # more than the two of ingest have threads
ALIVE_WITHIN_S = 1.0  # given: what an operator may rely on while clients are slow
LAST = b"GET /alive HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"
EVENTS = 6_000
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    if lack := missing():
        pytest.skip(lack)
    project = Project(f"coinslot-test-{uuid.uuid4().hex[:8]}", free_port(), CORS_ORIGINS=ORIGIN)
    try:
        project.up(worker=4, ingest=2)
        yield project
    finally:
        project.down()


@pytest.fixture
def client(project: Project) -> Iterator[Client]:
    with Client(project.url) as client:
        yield client


@pytest.fixture
def http(project: Project) -> Iterator[urllib3.HTTPConnectionPool]:
    with urllib3.connection_from_url(project.url, retries=False, timeout=10) as pool:
        yield pool


def batches(events: int) -> list[list[dict[str, object]]]:
    run = uuid.uuid4().hex
    return [[{"_id": f"{run}-{n}-{i}", "timestamp": i} for i in range(100)] for n in range(events // 100)]


def settled(client: Client) -> bool:
    audit = client.audit()
    assert audit["balanced"], audit
    return audit["queued"] == 0


def test_posts_are_spread_over_the_replicas_of_ingest(project: Project, http: urllib3.HTTPConnectionPool) -> None:
    before = len(logged(project, PATH))

    for _ in range(40):
        http.request("POST", PATH, body=b"no event", headers=JSON)

    until(lambda: len(logged(project, PATH)) == before + 40, what="logged")
    assert len(set(logged(project, PATH)[before:])) == 2


def test_no_event_is_lost_or_told_twice_when_an_ingest_and_a_worker_are_killed(
    project: Project, client: Client
) -> None:
    sent, before = batches(EVENTS), client.count()
    victims = {10: project.containers("ingest")[0], 20: project.containers("worker")[0]}
    followed = followed_ids(client)

    for n, batch in enumerate(sent):
        if n in victims:
            project.kill(victims[n])
        client.save_many(batch)

    until(lambda: settled(client), timeout_s=60, what="settled")  # a killed worker's claims last for 30 s
    until(lambda: len(followed) >= EVENTS, what="followed")
    assert sorted(followed) == sorted(event["_id"] for batch in sent for event in batch)
    assert client.count() == before + EVENTS
    for victim in victims.values():
        until(lambda victim=victim: project.restarts(victim) == 1, what="started again by the engine")


def test_a_restart_of_redis_costs_no_event(project: Project, client: Client) -> None:
    sent, before = batches(2_000), client.count()

    for batch in sent[:10]:
        client.save_many(batch)
    project.compose("restart", "redis")
    for batch in sent[10:]:
        client.save_many(batch)

    until(lambda: settled(client), timeout_s=60, what="settled")
    assert client.count() == before + 2_000


def test_what_is_stopped_and_brought_up_again_has_its_events(project: Project, client: Client) -> None:
    ids = client.save_many(batches(100)[0]).ids

    project.compose("stop")
    project.up(worker=4, ingest=2)

    until(lambda: settled(client), timeout_s=60, what="settled")
    assert set(ids) <= {event["_id"] for event in client.fetch_range()}


def test_a_chunked_upload_reaches_ingest_with_a_length(http: urllib3.HTTPConnectionPool) -> None:
    chunks = [b'{"timestamp": 1, "_id": "chunked", "text": "', *[b"x" * 65_536] * 8, b'"}']

    response = http.request("POST", PATH, body=iter(chunks), headers=JSON, chunked=True)

    assert (response.status, response.json()["ids"]) == (201, ["chunked"])


@pytest.mark.parametrize("size", [8 * 1024 * 1024 + 1, 9_000_000, 100_000_000])
def test_a_body_that_is_too_large_is_refused_in_json(http: urllib3.HTTPConnectionPool, size: int) -> None:
    response = http.request("POST", PATH, body=b" " * size, headers=JSON)

    assert response.status == 413
    assert "limit" in response.json()["error"]["what"]


@pytest.mark.parametrize(
    ("request_line", "headers", "status"),
    [
        ("GET /alive?" + "x" * 20_000, "", 414),
        ("GET /alive", "X-Long: " + "x" * 40_000, 431),
        ("POST " + PATH, "Content-Length: 2\r\nTransfer-Encoding: chunked", 400),
        ("POST " + PATH, "Transfer-Encoding: gzip", 501),
        ("GET /refused", "", 404),
    ],
)
def test_what_the_gateway_refuses_itself_is_refused_in_json(
    project: Project, request_line: str, headers: str, status: int
) -> None:
    with opened(project) as connection:
        connection.sendall(
            f"{request_line} HTTP/1.1\r\nHost: coinslot\r\nConnection: close\r\n{headers}\r\n\r\n".encode()
        )
        answer = connection.makefile("rb").read()

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split()[1] == str(status).encode()
    assert json.loads(body)["error"]["what"]


def test_a_preflight_is_answered_for_a_page_that_may_call(http: urllib3.HTTPConnectionPool) -> None:
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}

    response = http.request("OPTIONS", PATH, headers=headers)

    assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (204, ORIGIN)


# nginx ends a line at a bare line feed, takes any HTTP/1.x, and drops trailers, so that to it these are two requests.
# That does no harm: nothing behind it reads what it has read; each request goes on in its own words, on a connection of
# its own.
PLAIN_TO_NGINX = {
    "a chunk's extension with a line feed",
    "a chunk that ends with a bare line feed",
    "a length in a trailer",
    "a version of two digits",
}
HIDING = {name: build for name, build in {**AMBIGUOUS, **HELD}.items() if name not in PLAIN_TO_NGINX}


@pytest.mark.parametrize("build", HIDING.values(), ids=HIDING)
@pytest.mark.parametrize("line", [f"POST {PATH} HTTP/1.1", "GET /alive HTTP/1.1"])
def test_no_request_hides_in_another(
    project: Project, http: urllib3.HTTPConnectionPool, build: Requests, line: str
) -> None:
    id = uuid.uuid4().hex

    answers = exchange(project.url, build(line.encode(), posted(id)) + LAST)

    assert b"HTTP/1.1 5" not in answers.replace(b"HTTP/1.1 501 ", b"")
    assert id.encode() not in answers
    assert http.request("GET", f"{PATH}?id={id}").status == 404


@pytest.mark.parametrize("build", PIPELINED.values(), ids=PIPELINED)
def test_positive_control_a_request_that_follows_another_is_found(project: Project, build: Requests) -> None:
    id = uuid.uuid4().hex

    answers = exchange(project.url, build(b"GET /alive HTTP/1.1", posted(id)) + LAST)

    assert id.encode() in answers


def test_a_header_with_an_underscore_does_not_pose_as_another(http: urllib3.HTTPConnectionPool) -> None:
    response = http.request("POST", PATH, body=b'{"timestamp": 1}', headers={**JSON, "Content_Encoding": "gzip"})

    assert response.status == 201


SLOW_HEADER = f"POST {PATH} HTTP/1.1\r\nHost: coinslot\r\nX-Slow: "
SLOW_BODY = f"POST {PATH} HTTP/1.1\r\nHost: coinslot\r\nContent-Length: 9000\r\n\r\n{{"


@pytest.mark.parametrize("begun", [SLOW_HEADER, SLOW_BODY])
def test_slow_clients_hold_up_nobody(project: Project, http: urllib3.HTTPConnectionPool, begun: str) -> None:
    with ExitStack() as connections:
        slow = [connections.enter_context(opened(project)) for _ in range(SLOW_CLIENTS)]
        for connection in slow:
            connection.sendall(begun.encode())

        # Within less time than the gateway gives them: each stays slow, and none is silent.
        asked = []
        for _ in range(10):
            for connection in slow:
                connection.sendall(b"x")
            asked.append(timed(lambda: http.request("GET", "/alive", timeout=5)))
        posted = http.request("POST", PATH, body=b'{"timestamp": 1}', headers=JSON, timeout=5)

    assert [status for status, _ in asked] == [200] * 10
    assert max(took_s for _, took_s in asked) <= ALIVE_WITHIN_S
    assert posted.status == 201


def test_without_an_ingest_a_post_is_to_be_tried_again_and_reads_go_on(
    project: Project, http: urllib3.HTTPConnectionPool
) -> None:
    project.compose("stop", "ingest")

    refused = http.request("POST", PATH, body=b'{"timestamp": 1}', headers=JSON)
    count = http.request("GET", f"{PATH}/count")
    project.up(worker=4, ingest=2)

    assert (refused.status, int(refused.headers["Retry-After"])) == (503, 1)
    assert refused.json()["error"]["what"]
    assert count.status == 200
    assert http.request("POST", PATH, body=b'{"timestamp": 1}', headers=JSON).status == 201


def timed(ask: Callable[[], urllib3.BaseHTTPResponse]) -> tuple[int, float]:
    """The status of an answer, and how long it took."""
    begun_at = time.monotonic()
    status = ask().status
    return status, time.monotonic() - begun_at


def posted(id: str) -> bytes:
    """A whole POST of an event with this id."""
    body = b'{"timestamp": 1, "_id": "%b"}' % id.encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def followed_ids(client: Client) -> list[str]:
    """The ids of the changes from now on; grows until the client is closed."""
    ids: list[str] = []
    changes = client.follow()
    Thread(target=lambda: ids.extend(change.event["_id"] for change in changes), daemon=True).start()
    return ids


def logged(project: Project, path: str) -> list[str]:
    """Who answered the requests for a path, which went wrong, says the gateway."""
    lines = project.compose("logs", "--no-color", "nginx").splitlines()
    return [line.split("upstream ")[1].split()[0] for line in lines if f" {path} " in line]


def opened(project: Project) -> socket.socket:
    address = urllib3.util.parse_url(project.url)
    return socket.create_connection((address.host, address.port), timeout=10)
