"""Dead letters in a whole Coinslot: over HTTP, from Python and by the command, from death to being stored after all."""

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
import urllib3

from coinslot import redisclient
from coinslot.changes import START, Feed
from coinslot.client import Client, DeadLetter, Refused
from coinslot.keys import Keys
from tests.letters import all_letters, forbid
from tests.pipeline import PATH, Pipeline, until

READ, WRITE, ADMIN = (f"{kind}-token-of-the-tests" for kind in ("read", "write", "admin"))
BEARERS = {"nobody": "", "a reader": READ, "a writer": WRITE, "an admin": ADMIN}
SECRET = f"secret{uuid.uuid4().hex}"
NOWHERE = "1700000000000-0"
TIMEOUT_S = 60


@pytest.fixture(scope="module")
def pipeline(redis_url: str, mongodb_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """MODE=dev: as talkative as it gets."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    environment = {
        "REDIS_URL": redis_url,
        "MONGODB_URL": mongodb_url,
        "DB_NAME": name,
        "KEY_PREFIX": name,
        "MODE": "dev",
        "READ_TOKENS": READ,
        "WRITE_TOKENS": WRITE,
        "ADMIN_TOKENS": ADMIN,
    }
    pipeline = Pipeline(tmp_path_factory.mktemp("dead"), environment, api=True, token=ADMIN).start()
    yield pipeline
    pipeline.stop()


@pytest.fixture(params=["url", "api_url"])
def base(pipeline: Pipeline, request: pytest.FixtureRequest) -> str:
    """The front, and the stream lane."""
    url: str = getattr(pipeline, request.param)
    return url


@pytest.fixture
def client(pipeline: Pipeline) -> Iterator[Client]:
    with Client(pipeline.url, token=ADMIN, retries=0) as client:
        yield client


@pytest.fixture(autouse=True)
def no_letters(pipeline: Pipeline, client: Client) -> Iterator[None]:
    """What a test leaves is gone before the next, and the ledger balances after each."""
    yield
    forbid(pipeline, {})
    while letters := client.dead_letters().dead_letters:
        for letter in letters:
            client.drop(letter.id)
    assert pipeline.wait_settled()["balanced"]


def bury(pipeline: Pipeline, client: Client, events: int = 1) -> list[DeadLetter]:
    """Have so many events die, one letter each."""
    forbid(pipeline, {"country": {"$ne": "nowhere"}})
    before = client.dead_letters().total
    pipeline.send([{"timestamp": 1, "country": "nowhere", "name": SECRET} for _ in range(events)])
    until(lambda: client.dead_letters().total == before + events, what=f"dead; {pipeline.audit()}")
    return client.dead_letters().dead_letters[-events:]


def ask(url: str, method: str = "GET", token: str = ADMIN) -> urllib3.BaseHTTPResponse:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return urllib3.request(method, url, headers=headers, retries=False, timeout=10)


def run(pipeline: Pipeline, *arguments: str, token: str = ADMIN) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "coinslot.cli", "dead", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "COINSLOT_URL": pipeline.url, "COINSLOT_TOKEN": token, "COLUMNS": "200"},
        timeout=TIMEOUT_S,
    )


def fed(pipeline: Pipeline) -> list[str]:
    environment = pipeline.environment
    with redisclient.connect(environment["REDIS_URL"], timeout_s=5) as redis:
        changes = Feed(redis, Keys.of(environment["KEY_PREFIX"])).read(START, 10_000).changes
    return [json.loads(change.event)["_id"] for change in changes]


# HTTP


def test_a_letter_is_listed_without_and_shown_with_what_it_holds(pipeline: Pipeline, client: Client, base: str) -> None:
    (letter,) = bury(pipeline, client)

    listed = ask(f"{base}/dead-letters")
    shown = ask(f"{base}/dead-letters/{letter.id}").json()

    assert SECRET not in listed.data.decode()
    assert listed.json()["total"] == 1
    assert listed.json()["after"] is None
    (only,) = listed.json()["dead_letters"]
    assert (only["id"], only["attempts"], only["events"]) == (letter.id, 1, 1)
    assert only["accepted_at_ms"] <= only["died_at_ms"]
    assert only["reason"]
    assert json.loads(shown["payload"])["name"] == SECRET
    assert shown["encoding"] == "utf-8"
    assert {**shown, "payload": None, "encoding": None} == {**only, "payload": None, "encoding": None}


def test_pages_follow_each_other(pipeline: Pipeline, client: Client, base: str) -> None:
    ids = [letter.id for letter in bury(pipeline, client, 5)]

    first = ask(f"{base}/dead-letters?limit=3").json()
    second = ask(f"{base}/dead-letters?limit=3&after={first['after']}").json()

    assert [each["id"] for each in (*first["dead_letters"], *second["dead_letters"])] == ids
    assert (first["total"], second["total"], second["after"]) == (5, 5, None)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "limit=-1", "limit=1.0", "after=x", "after=1", "after=1-x", "after=$"]
)
def test_a_query_that_is_not_understood_is_400_and_says_why(base: str, query: str) -> None:
    answer = ask(f"{base}/dead-letters?{query}")

    assert answer.status == 400
    assert query.partition("=")[2] in answer.json()["error"]["what"]


@pytest.mark.parametrize(("method", "below"), [("GET", ""), ("POST", "/replay"), ("DELETE", "")])
def test_what_is_no_id_is_400_and_an_unknown_one_404(base: str, method: str, below: str) -> None:
    bad = [
        ask(f"{base}/dead-letters/{id}{below}", method) for id in ("x", "1", "-", "+", "%00", "1-99999999999999999999")
    ]
    unknown = ask(f"{base}/dead-letters/{NOWHERE}{below}", method)

    assert [answer.status for answer in bad] == [400] * 6
    assert all("is not the id of a dead letter" in answer.json()["error"]["what"] for answer in bad)
    assert unknown.status == 404
    assert "no dead letter with this id" in unknown.json()["error"]["what"]


def test_another_method_is_405(base: str) -> None:
    told = [ask(f"{base}/dead-letters{below}", method).status for method, below in (
        ("POST", ""), ("DELETE", ""), ("POST", f"/{NOWHERE}"), ("GET", f"/{NOWHERE}/replay"), ("PUT", f"/{NOWHERE}"),
    )]  # fmt: skip

    assert told == [405] * 5


def test_resume_takes_a_post_alone_and_is_not_taken_for_an_id(base: str) -> None:
    answers = [ask(f"{base}/dead-letters/resume", method) for method in ("GET", "HEAD", "DELETE", "OPTIONS")]

    assert [answer.status for answer in answers] == [405, 405, 405, 200]
    assert [set(answer.headers["Allow"].split(", ")) for answer in answers] == [{"POST", "OPTIONS"}] * 4


@pytest.mark.parametrize(
    ("method", "path", "admins"),
    [
        ("GET", "", 200),
        ("GET", f"/{NOWHERE}", 404),
        ("POST", f"/{NOWHERE}/replay", 404),
        ("DELETE", f"/{NOWHERE}", 404),
        ("POST", "/resume", 200),
    ],
)
def test_dead_letters_take_an_admin_token(base: str, method: str, path: str, admins: int) -> None:
    told = {who: ask(f"{base}/dead-letters{path}", method, token).status for who, token in BEARERS.items()}

    assert told == {"nobody": 401, "a reader": 403, "a writer": 403, "an admin": admins}


def test_posts_to_wsapi_are_still_answered_by_ingest_and_other_posts_are_refused_as_before(pipeline: Pipeline) -> None:
    told = {
        path: ask(f"{pipeline.url}{path}", "POST").status for path in (PATH, "/wsapi/nothing", "/nothing", "/alive")
    }

    assert told == {PATH: 415, "/wsapi/nothing": 404, "/nothing": 404, "/alive": 405}


# From death to being stored after all


def test_what_can_be_stored_by_now_is_replayed_stored_and_fed(pipeline: Pipeline, client: Client) -> None:
    letters = bury(pipeline, client, 3)
    died = pipeline.audit()
    ids = [json.loads(client.dead_letter(letter.id).payload or b"")["_id"] for letter in letters]
    forbid(pipeline, {})

    events = [client.replay(letter.id) for letter in letters]

    until(lambda: pipeline.audit()["queued"] == 0)
    after = pipeline.audit()
    assert events == [1, 1, 1]
    assert after["balanced"]
    assert (after["accepted"], after["stored"] - died["stored"], died["dead"] - after["dead"]) == (
        died["accepted"],
        3,
        3,
    )
    assert all(pipeline.get(f"?id={id}").status == 200 for id in ids)
    assert set(ids) <= set(fed(pipeline))


def test_what_still_cannot_be_stored_dies_again_and_the_ledger_balances(pipeline: Pipeline, client: Client) -> None:
    (letter,) = bury(pipeline, client)

    client.replay(letter.id)

    until(lambda: [each.id for each in client.dead_letters().dead_letters] not in ([], [letter.id]), what="dead again")
    assert pipeline.audit()["balanced"]
    with pytest.raises(Refused) as again:
        client.replay(letter.id)
    assert again.value.status == 404


def test_what_somebody_put_into_the_stream_by_hand_dies_and_the_ledger_balances(
    pipeline: Pipeline, client: Client
) -> None:
    environment = pipeline.environment
    before = pipeline.audit()["accepted"]
    with redisclient.connect(environment["REDIS_URL"], timeout_s=5) as redis:
        redis.xadd(Keys.of(environment["KEY_PREFIX"]).queue, {"hello": SECRET, "body": b"\xff\x00"})

    until(lambda: client.dead_letters().total == 1)
    (letter,) = client.dead_letters().dead_letters
    audit = pipeline.audit()

    assert audit["balanced"], audit
    assert audit["accepted"] == before + 1
    assert client.dead_letter(letter.id).payload == b"\xff\x00"
    assert "\\xff" in run(pipeline, "show", letter.id).stdout


# The command


def test_the_command_lists_shows_replays_and_drops(pipeline: Pipeline, client: Client) -> None:
    first, second, third = (letter.id for letter in bury(pipeline, client, 3))
    forbid(pipeline, {})

    listed, as_json = run(pipeline, "list"), run(pipeline, "list", "--json", "--limit", "2")
    shown, shown_json = run(pipeline, "show", first), run(pipeline, "show", first, "--json")
    replayed, dropped = run(pipeline, "replay", first, second), run(pipeline, "drop", third)

    assert all(id in listed.stdout for id in (first, second, third))
    assert [json.loads(line)["id"] for line in as_json.stdout.splitlines()] == [first, second]
    assert f"--after {second}" in as_json.stderr
    assert SECRET not in listed.stdout + as_json.stdout
    assert SECRET in shown.stdout
    assert json.loads(json.loads(shown_json.stdout)["payload"])["name"] == SECRET
    assert replayed.stdout == "replayed: 2 dead letter(s) of 2 event(s)\n"
    assert dropped.stdout == "dropped: 1 dead letter(s) of 1 event(s)\n"
    codes = [each.returncode for each in (listed, as_json, shown, shown_json, replayed, dropped)]
    assert codes == [0] * 6
    assert run(pipeline, "list").stdout == "no dead letters\n"


def test_the_command_replays_and_drops_all_that_there_are_when_it_begins(pipeline: Pipeline, client: Client) -> None:
    before = bury(pipeline, client, 30)

    replayed = run(pipeline, "replay", "--all")
    until(lambda: client.dead_letters().total == 30 and pipeline.audit()["queued"] == 0, what="all dead again")
    again = client.dead_letters().dead_letters
    dropped = run(pipeline, "drop", "--all")

    assert replayed.stdout == "replayed: 30 dead letter(s) of 30 event(s)\n"
    assert {letter.id for letter in before}.isdisjoint(letter.id for letter in again)
    assert dropped.stdout == "dropped: 30 dead letter(s) of 30 event(s)\n"
    assert client.dead_letters().total == 0


def test_the_command_says_what_is_wrong_in_one_line_and_by_its_exit_status(pipeline: Pipeline) -> None:
    cases: dict[int, list[tuple[str, ...]]] = {
        1: [("replay", NOWHERE), ("drop", NOWHERE), ("show", NOWHERE), ("show", "x"), ("replay", "a/b?c")],
        2: [("replay",), ("drop",), ("drop", NOWHERE, "--all"), ("list", "--limit", "0"), ("nonsense",)],
    }

    for code, commands in cases.items():
        for arguments in commands:
            told = run(pipeline, *arguments)
            assert told.returncode == code, (arguments, told)
            assert "Traceback" not in told.stderr
    shut = run(pipeline, "list", token=READ)
    assert (shut.returncode, shut.stderr) == (1, "coinslot: this needs a token of the kind: admin (403)\n")


def test_audit_speaks_of_dead_letters_and_the_command_of_no_halt(pipeline: Pipeline, client: Client) -> None:
    bury(pipeline, client, 2)

    audit = subprocess.run(
        [sys.executable, "-m", "coinslot.cli", "audit", "--url", pipeline.url, "--token", ADMIN],
        capture_output=True, text=True, timeout=TIMEOUT_S,
    )  # fmt: skip
    resumed = run(pipeline, "resume")

    assert "2 dead letter(s)" in audit.stdout
    assert resumed.stdout == "workers were not halted\n"


def test_nothing_that_a_letter_holds_is_ever_logged(pipeline: Pipeline, client: Client) -> None:
    letters = bury(pipeline, client, 3)
    for letter in letters:
        client.dead_letter(letter.id)
    client.replay(letters[0].id)
    client.drop(letters[1].id)
    ask(f"{pipeline.url}/dead-letters/{SECRET}")
    until(lambda: pipeline.audit()["queued"] == 0)

    logs = {
        path.name: path.read_text(errors="replace") for path in Path(pipeline.environment["DATA_DIR"]).glob("*.log")
    }

    assert [name for name, text in logs.items() if SECRET in text] == []
    assert "dead letter: 1 event(s)" in logs["worker-0.log"]  # positive control


# Too many


@pytest.fixture
def halting(redis_url: str, mongodb_url: str, prefix: str, tmp_path: Path) -> Iterator[Pipeline]:
    environment = {"REDIS_URL": redis_url, "MONGODB_URL": mongodb_url, "DB_NAME": prefix, "KEY_PREFIX": prefix}
    pipeline = Pipeline(tmp_path, environment).start()
    yield pipeline
    pipeline.stop()


def events(count: int, dead: int) -> list[dict[str, Any]]:
    return [{"timestamp": n, "country": "nowhere" if n < dead else "here"} for n in range(count)]


def test_when_too_many_die_workers_stop_and_stay_so_until_somebody_resumes_and_nothing_is_lost(
    halting: Pipeline, tmp_path: Path
) -> None:
    forbid(halting, {"country": {"$ne": "nowhere"}})
    worker = halting.workers[0]

    # One in a hundred is what happens every day.
    for _ in range(12):
        halting.send(events(1000, 10))
    passed = halting.wait_settled(timeout_s=20)
    assert worker.is_running()
    assert (passed["dead"], passed["halted"], passed["balanced"]) == (120, "", True)

    for _ in range(4):
        halting.send(events(1000, 1000))
    until(lambda: not worker.is_running(), what="the worker stopped")
    halted = halting.audit()
    assert worker.exit_code() == 3
    assert "too odd" not in halted["halted"]
    assert "events died" in halted["halted"]
    assert 120 <= halted["dead"] < 1500

    # Started again, as a supervisor does, it waits, and nothing more dies meanwhile.
    worker.start()
    until(lambda: "nothing is stored before" in halting.logs(), what="the worker waiting")
    more = halting.post(b'{"timestamp": 1}')
    ready = halting.http.request("GET", f"{halting.url}/ready")
    assert more.status == 201
    assert ready.status == 503
    assert ready.json()["checks"]["dead_letters"].startswith("halted: ")
    assert halting.audit()["dead"] == halted["dead"]
    assert worker.is_running()
    log = (tmp_path / "worker-0.log").read_text()
    assert log.count("CRITICAL") == 2
    assert "coinslot dead resume" in log

    forbid(halting, {})
    with Client(halting.url) as client:
        assert client.resume()
        after = halting.wait_settled(timeout_s=30)
        assert after["stored"] == 16_001 - after["dead"]
        assert after["balanced"], after
        for letter in all_letters(client):
            client.replay(letter.id)
    stored = halting.wait_settled(timeout_s=30)
    assert (stored["stored"] + stored["duplicate"], stored["dead"]) == (16_001, 0)
    assert halting.count() == 16_001
    assert worker.is_running()
