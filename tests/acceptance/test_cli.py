"""The `coinslot` command as a user runs it, against a whole Coinslot. Each test keeps to timestamps of its own."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.canned import Answer, canned
from tests.pipeline import Pipeline

COMMAND = [sys.executable, "-m", "coinslot.cli"]
TIMEOUT_S = 60


def run(url: str, *arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        env={**os.environ, "COINSLOT_URL": url},
        timeout=TIMEOUT_S,
    )


@contextmanager
def running(url: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command that goes on until it is told to end, or for TIMEOUT_S: waiting for what it prints ends then."""
    pipe = subprocess.PIPE
    command = [*COMMAND, *arguments, "--url", url]
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, preexec_fn=heed_ctrl_c) as process:
        limit = threading.Timer(TIMEOUT_S, process.kill)
        limit.start()
        try:
            yield process
        finally:
            limit.cancel()
            process.kill()


def heed_ctrl_c() -> None:
    """Tests may run in the background of a script, where a shell has SIGINT ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def read_until(process: subprocess.Popen[str], id: str) -> list[str]:
    """The ids of what the process prints, up to this one."""
    assert process.stdout
    ids: list[str] = []
    while id not in ids:
        line = process.stdout.readline()
        assert line, f"{process.args} ended: {process.communicate()}"
        ids.append(json.loads(line)["_id"])
    return ids


def write_events(path: Path, count: int, first: int) -> Path:
    content = b"".join(b'{"timestamp": %d, "name": "visit"}\n' % (first + n) for n in range(count))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def test_a_file_is_sent_whole_and_sending_it_again_stores_nothing_twice(stack: Pipeline, tmp_path: Path) -> None:
    file = write_events(tmp_path / "hits.ndjson.gz", 6000, first=1_000_000)
    moved = write_events(tmp_path / "moved" / "hits.ndjson", 6000, first=1_000_000)

    sent = [run(stack.url, "send", path) for path in (file, file, moved)]
    stack.wait_settled()

    assert [done.returncode for done in sent] == [0, 0, 0]
    assert all("6,000 accepted" in done.stdout for done in sent)
    assert len(stack.events("?start=1000000&end=1005999")) == 6000


def test_bad_lines_are_named_and_cost_no_other(stack: Pipeline, tmp_path: Path) -> None:
    file = tmp_path / "hits.ndjson"
    file.write_text('{"timestamp": 2000}\noops\n{"time": 1}\n\n{"timestamp": 2001}\n')

    sent = run(stack.url, "send", file)
    stack.wait_settled()

    assert sent.returncode == 1
    assert "2 accepted, 2 refused" in sent.stdout
    assert f"{file}:2: JSON is malformed" in sent.stderr
    assert f"{file}:3: timestamp is missing" in sent.stderr
    assert len(stack.events("?start=2000&end=2001")) == 2


def test_events_come_from_stdin_and_keep_their_own_ids(stack: Pipeline) -> None:
    sent = run(stack.url, "send", "-", stdin='{"timestamp": 3000, "_id": "mine"}')
    stack.wait_settled()

    assert "1 accepted" in sent.stdout
    assert stack.events("?start=3000&end=3000") == [{"timestamp": 3000, "_id": "mine"}]


def test_what_a_busy_server_or_a_lost_connection_turns_away_is_sent_again(tmp_path: Path) -> None:
    file = write_events(tmp_path / "hits.ndjson", 2, first=1)
    busy = Answer(status=503, headers={"Retry-After": "0"})
    accepted = Answer(b'{"accepted":2,"ids":["a","b"]}', 201)

    with canned(busy, Answer(status=0), accepted) as server:
        sent = run(server.url, "send", file)

    assert sent.returncode == 0
    assert "2 accepted" in sent.stdout
    assert len({request.body for request in server.requests}) == 1


def test_a_refusal_of_everything_ends_the_send_and_says_what_was_accepted(tmp_path: Path) -> None:
    file = write_events(tmp_path / "hits.ndjson", 2, first=1)

    with canned(Answer(status=404)) as server:
        sent = run(server.url, "send", file)

    assert sent.returncode == 1
    assert "0 accepted" in sent.stdout
    assert sent.stderr == "coinslot: Not Found (404)\n"


def test_fetch_prints_a_line_an_event_in_the_order_asked_for(stack: Pipeline) -> None:
    stack.send([{"timestamp": 4000 + n} for n in range(10)])
    stack.wait_settled()

    fetched = run(stack.url, "fetch", "--start", "4001", "--end", "4008.5", "--limit", "3", "--desc").stdout

    assert [json.loads(line)["timestamp"] for line in fetched.splitlines()] == [4008, 4007, 4006]


def test_fetch_ends_in_peace_when_nobody_reads_on(stack: Pipeline) -> None:
    stack.send([{"timestamp": 5000, "padding": "x" * 1000} for _ in range(2000)])
    stack.wait_settled()

    with running(stack.url, "fetch", "--start", "5000") as process:
        assert process.stdout and process.stderr
        process.stdout.readline()
        process.stdout.close()
        complaints = process.stderr.read()
        exit_code = process.wait(TIMEOUT_S)

    assert (exit_code, complaints) == (0, "")


def test_count_prints_a_number(stack: Pipeline) -> None:
    stack.send([{"timestamp": 6000 + n} for n in range(10)])
    stack.wait_settled()

    counted = run(stack.url, "count", "--start", "6001", "--end", "6003").stdout

    assert counted == "3\n"


def test_follow_prints_what_is_stored_and_then_each_change_at_once(stack: Pipeline) -> None:
    far = 10**15  # nothing else is stored from here on but what followers' tests store
    stack.send([{"timestamp": far, "_id": "stored"}])
    stack.wait_settled()

    with running(stack.url, "follow", "--start", str(far)) as process:
        read_until(process, "stored")
        stack.send([{"timestamp": 1, "_id": "live"}])
        told = read_until(process, "live")

    assert "stored" not in told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_follow_ends_in_peace_and_names_the_cursor_to_go_on_from(stack: Pipeline, number: signal.Signals) -> None:
    stored, first, second, later = (f"{number}-{n}" for n in range(4))
    stack.send([{"timestamp": 10**15, "_id": stored}])
    stack.wait_settled()

    with running(stack.url, "follow", "--start", str(10**15)) as process:
        read_until(process, stored)
        stack.send([{"timestamp": 1, "_id": id} for id in (first, second)])
        read_until(process, second)
        process.send_signal(number)
        _, complaints = process.communicate(timeout=TIMEOUT_S)
        exit_code = process.returncode
    _, _, cursor = complaints.strip().partition("coinslot: go on with --after ")
    stack.send([{"timestamp": 1, "_id": later}])
    with running(stack.url, "follow", "--after", cursor) as process:
        resumed = read_until(process, later)

    assert exit_code == 0
    # The signal may have come before the second was ticked off; the first was, or the second were not printed.
    assert resumed in ([later], [second, later])


def test_audit_shows_the_ledger(stack: Pipeline) -> None:
    stack.send([{"timestamp": 7000}])
    ledger = stack.wait_settled()

    audit = run(stack.url, "audit")

    assert audit.returncode == 0
    assert f"{ledger['accepted']:,}" in audit.stdout
    assert "balanced" in audit.stdout


def test_audit_fails_on_a_gap() -> None:
    ledger = {
        "accepted": 5,
        "stored": 3,
        "duplicate": 0,
        "dead": 0,
        "queued": 1,
        "balanced": False,
        "what": "1 is lost",
    }

    with canned(Answer(json.dumps(ledger).encode())) as server:
        audit = run(server.url, "audit")

    assert audit.returncode == 1
    assert audit.stderr == "coinslot: the ledger does not balance: 1 is lost\n"
