"""Requests that schemathesis makes up from the OpenAPI document, and whether it finds the answers in it.

HTTP_EXAMPLES is how many it makes up for an operation, besides those at the edges of each schema. Without it they are
5, the same each time; `make fuzz` sets more.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coinslot import redisclient
from coinslot.keys import Keys
from tests.openapi.strict import strict
from tests.pipeline import PATH, Pipeline, until

HOUSE = Path(__file__).parents[2]
CONFIG = HOUSE / "tests" / "openapi" / "schemathesis.toml"
EXAMPLES = os.environ.get("HTTP_EXAMPLES", "")
MANY = ["--max-examples", EXAMPLES] if EXAMPLES else ["--max-examples", "5", "--generation-deterministic"]
TIMEOUT_S = 120 + 5 * int(EXAMPLES or "5")
READ, WRITE, ADMIN = (f"{kind}-token-{uuid.uuid4().hex}" for kind in ("read", "write", "admin"))
LETTERS = 50


@pytest.fixture(scope="module")
def guarded(redis_url: str, mongodb_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A Coinslot that asks for tokens, with dead letters to show, replay and drop; however many die, it goes on."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    environment = {"REDIS_URL": redis_url, "MONGODB_URL": mongodb_url, "DB_NAME": name, "KEY_PREFIX": name}
    environment |= {"READ_TOKENS": READ, "WRITE_TOKENS": WRITE, "ADMIN_TOKENS": ADMIN, "DEAD_MAX_SHARE": "1"}
    with Pipeline(tmp_path_factory.mktemp("guarded"), environment, api=True, token=ADMIN) as pipeline:
        with redisclient.connect(redis_url, timeout_s=5) as redis:
            for number in range(LETTERS):
                redis.xadd(Keys.of(name).queue, {"body": b"no event %d" % number})
        until(lambda: pipeline.audit()["dead_letters"] == LETTERS, what="dead")
        yield pipeline


@pytest.fixture
def document(guarded: Pipeline) -> dict[str, Any]:
    described: dict[str, Any] = strict(guarded.http.request("GET", f"{guarded.url}/openapi.json").json())
    return described


def fuzz(folder: Path, document: dict[str, Any], url: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run schemathesis as an admin; what it finds is in its output, and then it fails."""
    path = folder / "openapi.json"
    path.write_text(json.dumps(document))
    program = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG), "run", str(path)]
    return subprocess.run(
        [*program, "--url", url, "--header", f"Authorization: Bearer {ADMIN}", *MANY, *options],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(HOUSE), "COLUMNS": "200"},
        timeout=TIMEOUT_S,
    )


# At the front a follower holds a thread until a write to it fails; ingest's operations are not api's.
@pytest.mark.parametrize(("side", "without"), [("url", ["follow"]), ("api_url", ["send", "sendAnalytics"])])
def test_what_it_is_asked_it_answers_as_the_document_tells(
    guarded: Pipeline, document: dict[str, Any], tmp_path: Path, side: str, without: list[str]
) -> None:
    excluded = [option for id in without for option in ("--exclude-operation-id", id)]

    run = fuzz(tmp_path, document, getattr(guarded, side), *excluded)

    assert run.returncode == 0, run.stdout + run.stderr
    assert guarded.wait_settled()["balanced"]


def test_positive_control_a_document_that_lies_is_found_out(
    guarded: Pipeline, document: dict[str, Any], tmp_path: Path
) -> None:
    answers = document["paths"][f"{PATH}/count"]["get"]["responses"]
    answers["200"]["content"]["application/json"]["schema"] = {"type": "string"}
    answers["404"] = answers.pop("400")

    run = fuzz(tmp_path, document, guarded.url, "--include-operation-id", "count", "--phases", "coverage")

    assert run.returncode == 1
    assert "Response violates schema" in run.stdout
    assert "Undocumented status code" in run.stdout
