"""A bug of ours, seen from outside: 500, and no word of what went wrong inside."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
import urllib3

from coinslot.ports import free_port
from coinslot.stack.process import Process
from tests.faults.broken import SECRET
from tests.pipeline import PATH, until


@pytest.fixture(scope="module", params=["front", "api"])
def broken(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a web app in which everything fails."""
    port, log = free_port(), tmp_path_factory.mktemp("broken") / "log"
    command = [sys.executable, "-m", "tests.faults.broken", request.param]
    process = Process("broken", command, env={**os.environ, "PORT": str(port)}, log=log)
    process.start()
    url = f"http://127.0.0.1:{port}"
    until(lambda: is_up(url), timeout_s=20, what=log.read_text())
    yield url
    process.stop()
    assert f"RuntimeError: {SECRET}" in log.read_text()  # so that we hear of it


def is_up(url: str) -> bool:
    try:
        return urllib3.request("GET", f"{url}/alive", retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False


@pytest.mark.parametrize(
    ("method", "route"),
    [
        ("POST", PATH),
        ("GET", PATH),
        ("GET", f"{PATH}?limit=1"),
        ("GET", f"{PATH}?id=x"),
        ("GET", f"{PATH}/count"),
        ("GET", f"{PATH}/last"),
        ("GET", f"{PATH}/stream"),
        ("GET", f"{PATH}/stream?start=1"),
        ("GET", "/ready"),
    ],
)
def test_a_bug_is_500_and_tells_nothing_of_the_inside(broken: str, method: str, route: str) -> None:
    response = urllib3.request(method, f"{broken}{route}", retries=False, timeout=10)

    if method == "POST" and response.status == 405:
        return  # api takes none
    assert response.status == 500
    for word in (b"Traceback", b"RuntimeError", SECRET.encode(), b'File "', b".py"):
        assert word not in response.data
    if response.headers.get("Content-Type") == "application/json":
        assert response.json()["error"]["what"]
    else:
        # From a lane: the web server's own answer.
        assert response.data == b"Internal Server Error"


def test_after_a_bug_it_goes_on(broken: str) -> None:
    statuses = [urllib3.request("GET", f"{broken}{PATH}/last", retries=False).status for _ in range(300)]

    assert set(statuses) == {500}
    assert is_up(broken)
