"""One user's events erased from a whole Coinslot: over HTTP, from Python and by the command, while more come in."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import urllib3

from coinslot import redisclient
from coinslot.changes import Feed
from coinslot.client import Client, Refused
from coinslot.keys import Keys
from coinslot.removal.erasure import PART_S
from coinslot.stack.process import Process
from tests.faults.frozen import found_out, freezing_worker, is_frozen, wake
from tests.letters import forbid
from tests.pipeline import Pipeline, until

READ, WRITE, ADMIN = (f"{kind}-token-of-the-tests" for kind in ("read", "write", "admin"))
BEARERS = {"nobody": "", "a reader": READ, "a writer": WRITE, "an admin": ADMIN}
TIMEOUT_S = 60


@pytest.fixture(scope="module")
def pipeline(redis_url: str, mongodb_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    name = f"test-{os.urandom(6).hex()}"
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
    folder = tmp_path_factory.mktemp("erasure")
    pipeline = Pipeline(folder, environment, workers=2, api=True, token=ADMIN).start()
    yield pipeline
    pipeline.stop()


@pytest.fixture
def client(pipeline: Pipeline) -> Iterator[Client]:
    with Client(pipeline.url, token=ADMIN, retries=0) as client:
        yield client


@pytest.fixture
def user() -> str:
    """One whom no other test knows."""
    return f"user-{os.urandom(6).hex()}"


def events(user: str, count: int, first: int = 0) -> list[dict[str, Any]]:
    return [{"timestamp": first + n, "user_id": user} for n in range(count)]


def holders(pipeline: Pipeline, user: str) -> dict[str, int]:
    """Where anything of a user is still kept, and how often; looked for as text, in everything there is."""
    keys, text = Keys.of(pipeline.environment["KEY_PREFIX"]), user.encode()
    with redisclient.connect(pipeline.environment["REDIS_URL"], timeout_s=5) as redis:
        found: dict[str, int] = {
            name: sum(text in b"".join(fields.values()) for _, fields in redis.xrange(key))  # type: ignore[misc, union-attr]
            for name, key in (("queue", keys.queue), ("feed", keys.feed), ("dead", keys.dead))
        }
    store = pipeline.get("", Accept="application/x-ndjson").data
    return {name: count for name, count in {**found, "store": store.count(text)}.items() if count}


def bury(pipeline: Pipeline, client: Client, events: list[dict[str, Any]]) -> None:
    """Have these die, a letter each, and the store take all again."""
    before = client.dead_letters().total
    forbid(pipeline, {"dies": {"$exists": False}})
    pipeline.send([{**event, "dies": True} for event in events])
    until(lambda: client.dead_letters().total == before + len(events))
    forbid(pipeline, {})


def ask(url: str, body: object, token: str = ADMIN, method: str = "POST") -> urllib3.BaseHTTPResponse:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return urllib3.request(method, url, body=sent, headers=headers, retries=False, timeout=10)


def command(pipeline: Pipeline, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "coinslot.cli", *arguments],
        env={**os.environ, "COINSLOT_URL": pipeline.url, "COINSLOT_TOKEN": ADMIN},
        text=True,
        timeout=TIMEOUT_S,
        **{"capture_output": True, "stdin": subprocess.DEVNULL, **options},
    )


# Everywhere


def test_under_load_nothing_of_a_user_is_left_anywhere_and_all_else_is_and_the_ledger_balances(
    pipeline: Pipeline, client: Client, user: str
) -> None:
    others: list[str] = []
    stop = threading.Event()

    def load() -> None:
        with Client(pipeline.url, token=ADMIN) as loader:
            while not stop.is_set():
                others.extend(loader.save_many(events(f"other of {user[5:]}", 50)).ids)

    bury(pipeline, client, [*events(user, 3), *events("somebody", 2)])
    before = pipeline.audit()
    loads = [threading.Thread(target=load) for _ in range(2)]
    for thread in loads:
        thread.start()
    for first in range(0, 3000, 100):
        pipeline.send(events(user, 100, first))

    erased = client.erase("user_id", user)

    held = holders(pipeline, user)
    stop.set()
    for thread in loads:
        thread.join()
    after = pipeline.wait_settled()
    assert held == {}
    assert erased == 3003
    assert after["balanced"], after
    assert (after["erased"] - before["erased"], after["dropped"] - before["dropped"]) == (3003, 3)
    assert client.dead_letters().total == 2
    found = {event["_id"] for event in client.fetch_range()}
    assert set(others) <= found
    assert client.count() == len(found) == after["stored"] - after["erased"] + after["dropped"]
    assert client.erase("user_id", user) == 0


def test_positive_control_what_was_accepted_is_found_in_each_place_until_it_is_erased(
    pipeline: Pipeline, client: Client, user: str
) -> None:
    bury(pipeline, client, events(user, 1))
    pipeline.send(events(user, 1))
    pipeline.wait_settled()

    held = holders(pipeline, user)

    assert held == {"feed": 1, "dead": 1, "store": 1}
    assert client.count_matching("user_id", user) == 2
    assert client.erase("user_id", user) == 2


@contextmanager
def queued(pipeline: Pipeline, events: list[dict[str, Any]]) -> Iterator[None]:
    """`with` it: these wait in the queue, for there is no worker; behind it they are stored."""
    for worker in pipeline.workers:
        worker.stop()
    try:
        pipeline.send(events)
        yield
    finally:
        for worker in pipeline.workers:
            worker.start()
        pipeline.wait_settled(timeout_s=30)


@contextmanager
def halted(pipeline: Pipeline, why: str) -> Iterator[None]:
    """`with` it: the ledger is marked as settle.lua does it."""
    ledger = Keys.of(pipeline.environment["KEY_PREFIX"]).ledger
    with redisclient.connect(pipeline.environment["REDIS_URL"], timeout_s=5) as redis:
        redis.hset(ledger, "halted", why)
        try:
            yield
        finally:
            redis.hdel(ledger, "halted")


def test_what_is_queued_is_waited_for_and_the_answer_says_so(pipeline: Pipeline, user: str) -> None:
    with queued(pipeline, events(user, 5)):
        before = holders(pipeline, user)
        waiting = ask(f"{pipeline.url}/erasures", {"field": "user_id", "value": user}).json()
    stored = holders(pipeline, user)
    rest = {"field": "user_id", "value": user, "after": waiting["after"]}
    done = ask(f"{pipeline.url}/erasures", rest).json()

    assert before == {"queue": 1}
    assert waiting == {"erased": 0, "done": False, "after": waiting["after"], "at": "queue", "note": None}
    assert stored == {"feed": 5, "store": 5}
    assert done == {"erased": 5, "done": True, "after": None, "at": None, "note": None}
    assert holders(pipeline, user) == {}


def test_while_workers_are_halted_an_erasure_stops_at_once_and_says_what_to_do(pipeline: Pipeline, user: str) -> None:
    erase = ("erase", "--field", "user_id", "--value", user, "--yes")

    with queued(pipeline, events(user, 5)), halted(pipeline, "too many events died"):
        began = time.monotonic()
        told = ask(f"{pipeline.url}/erasures", {"field": "user_id", "value": user}).json()
        stopped = command(pipeline, *erase)
        took_s = time.monotonic() - began
    again = command(pipeline, *erase)

    assert (told["done"], told["at"]) == (False, "queue")
    assert told["note"].startswith("workers are halted: too many events died; ")
    assert "coinslot dead resume" in told["note"]
    assert stopped.returncode == 1
    assert "0 event(s) erased so far" in stopped.stderr
    assert stopped.stderr.endswith(f"coinslot: {told['note']}\n")
    assert took_s < 30  # workers that are down are waited for, for five minutes
    assert (again.returncode, again.stdout) == (0, "erased: 5 event(s)\n")


def test_interrupted_the_command_says_that_it_waits_once_and_how_many_it_has_erased(
    pipeline: Pipeline, user: str
) -> None:
    with queued(pipeline, events(user, 5)):
        waiting = subprocess.Popen(
            [sys.executable, "-m", "coinslot.cli", "erase", "--field", "user_id", "--value", user, "--yes"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "COINSLOT_URL": pipeline.url, "COINSLOT_TOKEN": ADMIN},
        )  # fmt: skip
        assert waiting.stderr is not None
        said = [waiting.stderr.readline(), waiting.stderr.readline()]
        time.sleep(PART_S + 1)  # for one more answer that it still waits
        waiting.send_signal(signal.SIGINT)
        _, rest = waiting.communicate(timeout=TIMEOUT_S)

    assert said[1] == "coinslot: waiting for the queue\n"
    assert waiting.returncode == 1
    assert "0 event(s) erased so far" in rest
    assert "waiting" not in rest
    assert "Traceback" not in rest


def test_a_follower_that_resumes_across_an_erasure_is_told_of_no_gap_and_of_no_erased_event(
    pipeline: Pipeline, client: Client, user: str
) -> None:
    with redisclient.connect(pipeline.environment["REDIS_URL"], timeout_s=5) as redis:
        feed = Feed(redis, Keys.of(pipeline.environment["KEY_PREFIX"]))
        begin = feed.tip()
        pipeline.send(events(user, 10) + events(f"b-{user}", 1) + events(user, 10))
        pipeline.wait_settled()
        cursors = [begin, *(change.cursor for change in feed.read(begin, 100).changes)]

    client.erase("user_id", user)
    (last,) = pipeline.send(events(f"c-{user}", 1))

    assert len(cursors) == 22
    for after in cursors:
        follower = client.follow(after=after)  # which raises FeedGap
        seen = [next(follower).event]
        while seen[-1]["_id"] != last:
            seen.append(next(follower).event)
        follower.close()
        assert [event["user_id"] for event in seen] in ([f"b-{user}", f"c-{user}"], [f"c-{user}"])


def test_an_event_posted_again_is_stored_anew(pipeline: Pipeline, client: Client, user: str) -> None:
    event = {"_id": f"again-{user}", "timestamp": 1, "user_id": user}
    client.save(event)
    client.erase("user_id", user)

    client.save(event)
    pipeline.wait_settled()

    assert pipeline.get(f"?id=again-{user}").json()["results"] == event


@pytest.fixture
def unstaffed(redis_url: str, mongodb_url: str, prefix: str, tmp_path: Path) -> Iterator[Pipeline]:
    environment = {"REDIS_URL": redis_url, "MONGODB_URL": mongodb_url, "DB_NAME": prefix, "KEY_PREFIX": prefix}
    environment |= {"CLAIM_IDLE_S": "1", "CLAIM_EVERY_S": "0.2"}
    with Pipeline(tmp_path, environment, workers=0) as pipeline:
        yield pipeline


def erase_past(frozen: Process, pipeline: Pipeline, user: str) -> int:
    """Erase what a worker has in its hands, frozen before it stores it, and another has stored; then wake it."""
    frozen.start()
    pipeline.send(events(user, 5) + events("other", 5))
    until(lambda: is_frozen(frozen), timeout_s=30)
    pipeline.process("worker", name="healthy").start()
    pipeline.wait_settled(timeout_s=30)
    with Client(pipeline.url) as client:
        erased = client.erase("user_id", user)
    wake(frozen)
    until(lambda: found_out(frozen), timeout_s=30)
    return erased


def test_a_worker_that_was_frozen_before_it_stored_what_is_erased_by_now_takes_it_back(
    unstaffed: Pipeline, user: str
) -> None:
    erased = erase_past(freezing_worker(unstaffed, "read"), unstaffed, user)

    later = unstaffed.send(events(user, 1, first=7))  # accepted after the erasure
    unstaffed.wait_settled(timeout_s=30)
    until(lambda: unstaffed.count() == 6, what="the worker taking back what it had stored")
    assert erased == 5
    assert unstaffed.events()[-1] == {"_id": later[0], "timestamp": 7, "user_id": user}
    assert unstaffed.audit()["balanced"]


def test_positive_control_a_worker_that_takes_nothing_back_brings_erased_events_back(
    unstaffed: Pipeline, user: str
) -> None:
    frozen = freezing_worker(unstaffed, "read", module="tests.faults.unrepentant_worker")

    erased = erase_past(frozen, unstaffed, user)

    assert erased == 5
    assert unstaffed.count() == 10


# What is asked


@pytest.mark.parametrize("path", ["/erasures", "/erasures/count"])
@pytest.mark.parametrize("base", ["url", "api_url"])
@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({"field": "$where", "value": "1"}, "field"),
        ({"field": "a.$b", "value": 1}, "field"),
        ({"field": "$or", "value": 1}, "field"),
        ({"field": "", "value": 1}, "field"),
        ({"field": {"$gt": ""}, "value": 1}, "field"),
        ({"field": "user_id", "value": {"$gt": ""}}, "value"),
        ({"field": "user_id", "value": {"$ne": None}}, "value"),
        ({"field": "user_id", "value": ["a"]}, "value"),
        ({"field": "user_id", "value": None}, "value"),
        ({"field": "user_id"}, "value"),
        ({"value": 1}, "field"),
        ({"field": "a", "value": 1, "$where": "1"}, "$where"),
        ({"field": "a", "value": 2**63}, "64 bits"),
        ({"field": "a", "value": 1, "after": "x"}, "'x'"),
        ({"field": "a", "value": 1, "after": "2.{}"}, "2.{}"),
        ({"field": "a", "value": 1, "after": "0.$"}, "0.$"),
        ({"field": "a", "value": 1, "after": 1}, "after"),
        ([], "array"),
        (b"", "field"),
        (b"{", "field"),
        (b"\xff", "field"),
        (b"[" * 10_000, "field"),
        (b'{"field":"a","value":"\xff"}', "field"),
    ],
)
def test_what_could_mean_anything_else_is_400_and_says_why(
    pipeline: Pipeline, path: str, base: str, body: object, what: str
) -> None:
    answer = ask(getattr(pipeline, base) + path, body)

    assert answer.status == 400
    assert what in answer.json()["error"]["what"]


def test_a_huge_body_is_413_and_another_method_405(pipeline: Pipeline) -> None:
    huge = ask(f"{pipeline.url}/erasures", b" " * 100_000)
    others = [ask(f"{pipeline.url}/erasures", b"", method=method).status for method in ("GET", "PUT", "DELETE")]

    assert huge.status == 413
    assert others == [405] * 3


@pytest.mark.parametrize("path", ["/erasures", "/erasures/count"])
def test_an_erasure_takes_an_admin_token(pipeline: Pipeline, path: str) -> None:
    body = {"field": "user_id", "value": "nobody of this name"}

    told = {who: ask(pipeline.url + path, body, token).status for who, token in BEARERS.items()}

    assert told == {"nobody": 401, "a reader": 403, "a writer": 403, "an admin": 200}


def test_a_name_that_is_kept_for_when_an_event_was_received_cannot_be_posted(pipeline: Pipeline) -> None:
    alone = pipeline.post(msgspec.json.encode({"timestamp": 1, "_coinslot_received_at": 1}))
    deeper = pipeline.post(msgspec.json.encode({"timestamp": 1, "in": {"_coinslot_received_at": 1}}))

    assert alone.status == 400
    assert "_coinslot_received_at" in alone.json()["error"]["events"][0]["reason"]
    assert deeper.status == 201


# From Python and by the command


def test_from_python_a_field_may_be_nested_and_a_value_any_scalar(
    pipeline: Pipeline, client: Client, user: str
) -> None:
    pipeline.send([{"timestamp": 1, user: {"id": value}} for value in (7, 7.0, "7", True, None)])
    pipeline.wait_settled()

    erased = [client.erase(f"{user}.id", value) for value in (7, "7", True, False)]

    assert erased == [2, 1, 1, 0]
    with pytest.raises(Refused, match="field"):
        client.erase("$where", "1")


def test_the_command_says_how_many_there_are_erases_and_is_idempotent(pipeline: Pipeline, user: str) -> None:
    pipeline.send(events(user, 1234))
    pipeline.wait_settled()
    arguments = ("erase", "--field", "user_id", "--value", user, "--yes")

    first, second, audit = command(pipeline, *arguments), command(pipeline, *arguments), command(pipeline, "audit")

    assert (first.returncode, first.stdout) == (0, "erased: 1,234 event(s)\n")
    assert first.stderr == f'1,234 event(s) with user_id = "{user}"\n'
    assert (second.returncode, second.stdout) == (0, "erased: 0 event(s)\n")
    assert "event(s) erased, of those stored and dead" in audit.stdout
    assert audit.returncode == 0


def test_the_command_takes_a_value_in_json(pipeline: Pipeline, user: str) -> None:
    pipeline.send([{"timestamp": 1, user: 42}, {"timestamp": 1, user: "42"}])
    pipeline.wait_settled()

    done = command(pipeline, "erase", "--field", user, "--json-value", "42", "--yes")

    assert done.stdout == "erased: 1 event(s)\n"


@pytest.mark.parametrize(("answer", "left"), [("n\n", 1), ("y\n", 0)])
def test_on_a_terminal_the_command_asks_first(pipeline: Pipeline, user: str, answer: str, left: int) -> None:
    pipeline.send(events(user, 1))
    pipeline.wait_settled()
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode())

    done = command(pipeline, "erase", "--field", "user_id", "--value", user, stdin=theirs)

    os.close(ours)
    os.close(theirs)
    assert f'1 event(s) with user_id = "{user}"' in done.stderr
    assert (done.returncode, holders(pipeline, user).get("store", 0)) == (left, left)


def test_the_command_says_what_is_wrong_and_erases_nothing(pipeline: Pipeline, user: str) -> None:
    pipeline.send(events(user, 1))
    pipeline.wait_settled()
    cases: dict[int, list[tuple[str, ...]]] = {
        1: [("--field", "$where", "--value", user, "--yes"), ("--field", "a.$b", "--value", user, "--yes")],
        2: [
            ("--field", "user_id", "--value", user),  # no terminal to ask on
            ("--field", "user_id", "--yes"),
            ("--value", user, "--yes"),
            ("--field", "user_id", "--value", user, "--json-value", "1", "--yes"),
            ("--field", "user_id", "--json-value", "{}", "--yes"),
            ("--field", "user_id", "--json-value", "null", "--yes"),
            ("--field", "user_id", "--json-value", "oops", "--yes"),
        ],
    }

    for code, commands in cases.items():
        for arguments in commands:
            told = command(pipeline, "erase", *arguments)
            assert told.returncode == code, (arguments, told)
            assert "Traceback" not in told.stderr
    assert holders(pipeline, user)["store"] == 1


def test_no_log_holds_the_value(pipeline: Pipeline, client: Client, user: str) -> None:
    pipeline.send(events(user, 1))
    client.erase("user_id", user)
    ask(f"{pipeline.url}/erasures", {"field": user, "value": {"$gt": user}})

    logs = [path.read_text(errors="replace") for path in Path(pipeline.environment["DATA_DIR"]).glob("*.log")]

    assert len(logs) >= 3
    assert not any(user in text for text in logs)
