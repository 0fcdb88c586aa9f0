"""Analytic events that could not be counted, in a whole Coinslot: seen, put back, dropped, erased and accounted for."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import urllib3

from coinslot import redisclient
from coinslot.client import Client
from coinslot.keys import ANALYTICS, Keys
from tests.analytics.client import Client as Analytics
from tests.pipeline import Pipeline, until

COUNTERS = 2  # one name, and all users of the namespace: events of any other name die
TIMEOUT_S = 60
NOWHERE = "1700000000000-0"
ROUTES = [
    ("GET", "/audit"),
    ("GET", "/dead-letters"),
    ("GET", f"/dead-letters/{NOWHERE}"),
    ("POST", f"/dead-letters/{NOWHERE}/replay"),
    ("DELETE", f"/dead-letters/{NOWHERE}"),
]


@pytest.fixture
def pipeline(redis_url: str, prefix: str, tmp_path: Path) -> Iterator[Pipeline]:
    """A Coinslot in which `seen` is counted, and nothing else can be."""
    environment = {"REDIS_URL": redis_url, "KEY_PREFIX": prefix, "DB_BACKEND": "sqlite", "COUNTERS_MAX": str(COUNTERS)}
    with Pipeline(tmp_path, environment) as pipeline, Client(pipeline.url) as client:
        count(pipeline, ("seen", "first"))
        until(lambda: client.audit(queue=ANALYTICS)["stored"] == 1, what="counted")
        yield pipeline


@pytest.fixture
def client(pipeline: Pipeline) -> Iterator[Client]:
    with Client(pipeline.url, retries=0) as client:
        yield client


def count(pipeline: Pipeline, *events: tuple[str, str]) -> None:
    """Post analytic events, each a name and a user id."""
    body = msgspec.json.encode([{"event_name": name, "user_id": user} for name, user in events])
    answer = Analytics(pipeline).post("/v0/analytics", body)
    assert answer.status == 204, answer.data


def bury(pipeline: Pipeline, client: Client, *users: str) -> list[str]:
    """Have an event of each user die; the ids of their letters."""
    count(pipeline, *(("too many", user) for user in users))
    until(lambda: client.dead_letters(queue=ANALYTICS).total == len(users), what="dead")
    return [letter.id for letter in client.dead_letters(queue=ANALYTICS).dead_letters]


def run(pipeline: Pipeline, *arguments: str) -> str:
    """What a command prints that ends well."""
    return subprocess.run(
        [sys.executable, "-m", "coinslot.cli", *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COINSLOT_URL": pipeline.url, "COLUMNS": "200"},
        timeout=TIMEOUT_S,
    ).stdout


def ask(pipeline: Pipeline, method: str, path: str) -> urllib3.BaseHTTPResponse:
    return pipeline.http.request(method, f"{pipeline.url}{path}")


def told(audit: dict[str, Any]) -> dict[str, int]:
    names = ("accepted", "stored", "dead", "queued", "dropped", "erased", "dead_letters")
    assert audit["balanced"], audit["what"]
    return {name: audit[name] for name in names if audit[name]}


def test_a_queue_is_that_of_events_or_that_of_analytics(pipeline: Pipeline) -> None:
    for method, path in ROUTES:
        statuses = {ask(pipeline, method, f"{path}{query}").status for query in ("", "?queue=", "?queue=events")}
        unknown = ask(pipeline, method, f"{path}?queue=Analytics")

        assert len(statuses) == 1, (method, path)
        assert unknown.status == 400, (method, path)
        assert unknown.json()["error"]["what"] == "queue='Analytics' is neither events nor analytics"


def test_an_event_that_cannot_be_counted_is_in_the_letters_and_the_ledger_of_its_queue_alone(
    pipeline: Pipeline, client: Client
) -> None:
    (id,) = bury(pipeline, client, "u1")

    letter = client.dead_letter(id, queue=ANALYTICS)

    assert msgspec.json.decode(letter.payload or b"") == {"event_name": "too many", "user_id": "u1"}
    assert "COUNTERS_MAX" in letter.reason
    assert told(client.audit(queue=ANALYTICS)) == {"accepted": 2, "stored": 1, "dead": 1, "dead_letters": 1}
    assert client.dead_letters().total == 0
    assert ask(pipeline, "GET", f"/dead-letters/{id}").status == 404
    assert told(client.audit()) == {}


def test_put_back_it_is_counted_once_it_can_be_and_dropped_it_stays_dead(pipeline: Pipeline, client: Client) -> None:
    bury(pipeline, client, "u1", "u2", "u3")
    pipeline.workers[0].stop()
    listed = run(pipeline, "dead", "list", "--queue", "analytics")
    kept = client.dead_letters(queue=ANALYTICS).dead_letters[0].id

    dropped = run(pipeline, "dead", "drop", kept, "--queue", "analytics")
    replayed = run(pipeline, "dead", "replay", "--all", "--queue", "analytics")
    pipeline.process("worker", name="roomy", COUNTERS_MAX="100").start()
    until(lambda: client.audit(queue=ANALYTICS)["queued"] == 0, what="counted after all")

    assert listed.count("COUNTERS_MAX") == 3
    assert (dropped, replayed) == (
        "dropped: 1 dead letter(s) of 1 event(s)\n",
        "replayed: 2 dead letter(s) of 2 event(s)\n",
    )
    assert told(client.audit(queue=ANALYTICS)) == {"accepted": 4, "stored": 3, "dead": 1, "dropped": 1}
    assert "balanced" in run(pipeline, "audit", "--queue", "analytics")


def test_an_erasure_finds_its_user_in_letters_of_events_and_of_whole_messages(
    pipeline: Pipeline, client: Client
) -> None:
    bury(pipeline, client, "me", "other")
    keys = Keys.of(pipeline.environment["KEY_PREFIX"])
    unreadable = [{"event_name": 5, "user_id": "me"}, {"event_name": 5, "user_id": "other"}]
    with redisclient.connect(pipeline.environment["REDIS_URL"], timeout_s=5) as redis:
        redis.xadd(keys.analytics, {"body": msgspec.json.encode(unreadable)})
    until(lambda: client.dead_letters(queue=ANALYTICS).total == 3, what="dead")

    matching = client.count_matching("user_id", "me")
    erased = client.erase("user_id", "me")

    letters = client.dead_letters(queue=ANALYTICS).dead_letters
    payloads = [client.dead_letter(letter.id, queue=ANALYTICS).payload or b"" for letter in letters]
    assert (matching, erased, client.count_matching("user_id", "me")) == (2, 2, 0)
    assert len(payloads) == 2
    assert all(b'"other"' in payload and b'"me"' not in payload for payload in payloads)
    assert client.audit(queue=ANALYTICS)["erased"] == 2


def test_letters_of_either_queue_expire(pipeline: Pipeline, client: Client) -> None:
    week_ago_ms = int((time.time() - 7 * 86_400) * 1000) - 1000
    with redisclient.connect(pipeline.environment["REDIS_URL"], timeout_s=5) as redis:
        for keys in Keys.of(pipeline.environment["KEY_PREFIX"]).by_queue().values():
            redis.xadd(keys.dead, {"payload": "{}", "reason": "old", "events": 1}, id=f"{week_ago_ms}-0")
    count(pipeline, ("too many", "young"))
    until(lambda: client.dead_letters(queue=ANALYTICS).total == 2, what="dead")

    pipeline.process("worker", name="forgetful", RETENTION_DAYS="7").start()
    until(lambda: client.dead_letters().total == 0, timeout_s=20, what="expired")
    until(lambda: client.dead_letters(queue=ANALYTICS).total == 1, what="expired too")

    (left,) = client.dead_letters(queue=ANALYTICS).dead_letters
    assert "COUNTERS_MAX" in left.reason


def test_an_erasure_waits_for_analytic_events_that_may_die_or_be_banked(pipeline: Pipeline, client: Client) -> None:
    pipeline.workers[0].stop()
    count(pipeline, ("too many", "me"), ("seen", "me"))
    parts = client.erase_in_parts("user_id", "me")
    waiting = next(parts)
    pipeline.process("worker", name="banking", BANK_ANALYTICS="1").start()

    erased = waiting.events + sum(part.events for part in parts)

    assert (waiting.done, waiting.at) == (False, "queue")
    assert erased == 3  # one is dead, and both are banked
    assert (client.dead_letters(queue=ANALYTICS).total, pipeline.count()) == (0, 0)
