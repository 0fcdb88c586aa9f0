"""`coinslot doctor`, run as a user would."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coinslot.ports import free_port
from coinslot.settings import Settings
from coinslot.stack import environment
from coinslot.stack.process import Process
from coinslot.stack.servers import RedisServer
from tests.pipeline import Pipeline, until

OF_THE_MACHINE = ("machine.", "disk.")  # may well lack something
TIMEOUT_S = 60
LINE = re.compile(r"(ok     |warning|wrong  )  [\w.-]+: [^\n]+")


def doctor(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    ours = {*(name.upper() for name in Settings.names()), "COINSLOT_URL", "COINSLOT_TOKEN"}
    env = {name: value for name, value in os.environ.items() if name not in ours}
    command = [sys.executable, "-m", "coinslot.cli", "doctor", *arguments]
    return subprocess.run(command, env={**env, **environ}, capture_output=True, text=True, timeout=TIMEOUT_S)


def found(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    assert done.stderr.startswith("coinslot: "), done
    return {finding["name"]: finding for finding in map(json.loads, done.stdout.splitlines())}


def not_ok(findings: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {
        name: finding["state"]
        for name, finding in findings.items()
        if finding["state"] != "ok" and not name.startswith(OF_THE_MACHINE)
    }


@pytest.fixture(scope="module")
def sound(mongodb_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A Coinslot that lacks nothing."""
    server = RedisServer(tmp_path_factory.mktemp("redis"), maxmemory="1gb")
    server.start()
    server.wait_ready()
    name = f"test-{uuid.uuid4().hex[:12]}"
    names = {"REDIS_URL": server.url, "MONGODB_URL": mongodb_url, "DB_NAME": name, "KEY_PREFIX": name}
    with Pipeline(tmp_path_factory.mktemp("stack"), names) as pipeline:
        until(lambda: pipeline.answers("/ready"), what="ready")
        yield pipeline
    server.stop()


def test_positive_control_a_sound_coinslot_has_nothing_that_is_not_ok(sound: Pipeline) -> None:
    sound.send([{"timestamp": 1}])
    sound.wait_settled()

    done = doctor("--json", "--url", sound.url, **sound.environment)

    assert done.returncode == 0
    findings = found(done)
    assert not_ok(findings) == {}
    assert {"coinslot", "machine.memory", "settings", "redis", "redis.appendfsync", "ledger"} <= set(findings)
    assert {"workers", "mongodb", "mongodb.writes", "front", "front.ready"} <= set(findings)
    assert "1 accepted" in findings["ledger"]["seen"]


def test_people_get_a_line_each(sound: Pipeline) -> None:
    done = doctor("--url", sound.url, **sound.environment)

    lines = done.stdout.splitlines()

    assert len(lines) > 20
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert all(" -> " in line for line in lines if not line.startswith("ok"))
    assert re.fullmatch(r"coinslot: \d+ ok, \d+ warning, 0 wrong\n", done.stderr)


def test_where_nothing_answers_each_is_wrong_and_no_secret_is_shown() -> None:
    port = free_port()
    secrets = {
        "REDIS_URL": f"redis://user:a-secret@127.0.0.1:{port}/0",
        "MONGODB_URL": f"mongodb://user:a-secret@127.0.0.1:{port}/",
        "BROKER_URL": f"amqp://user:a-secret@127.0.0.1:{port}//",
        "COINSLOT_URL": f"http://user:a-secret@127.0.0.1:{port}",
        "COINSLOT_TOKEN": "a-secret-0123456789",
        "READ_TOKENS": "a-secret-0123456789",
    }

    done = doctor("--json", **secrets)

    assert done.returncode == 1
    assert not_ok(found(done)) == {"redis": "wrong", "mongodb": "wrong", "broker": "wrong", "front": "warning"}
    assert "secret" not in done.stdout + done.stderr


def test_where_all_is_silence_it_ends_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        done = doctor(
            "--json",
            REDIS_URL=f"redis://{where}/0",
            MONGODB_URL=f"mongodb://{where}/",
            BROKER_URL=f"amqp://{where}//",
            COINSLOT_URL=f"http://{where}",
        )
        took_s = time.monotonic() - began

    assert done.returncode == 1
    assert not_ok(found(done)) == {"redis": "wrong", "mongodb": "wrong", "broker": "wrong", "front": "wrong"}
    assert took_s < TIMEOUT_S / 2  # 6 s, and what a loaded machine takes to start Python


def test_unusable_settings_are_named() -> None:
    done = doctor(DB_BACKEND="oracle")

    assert done.returncode == 2
    assert done.stderr.startswith("coinslot: DB_BACKEND='oracle': ")
    assert done.stderr.count("\n") == 1


def test_a_running_stack_is_found_by_its_data_folder(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    ours = {name.upper() for name in Settings.names()}
    env = {name: value for name, value in os.environ.items() if name not in ours}
    command = [sys.executable, "-m", "coinslot.cli", "up", "--port", "0", "--data-dir", str(folder)]
    stack = Process("up", command, env=env, log=tmp_path / "up.log")
    stack.start()
    try:
        until(lambda: "is ready" in (tmp_path / "up.log").read_text(), timeout_s=TIMEOUT_S, what="the stack ready")
        told = environment.read(folder)

        done = doctor("--json", DATA_DIR=str(folder))
    finally:
        stack.stop(grace_s=15)

    findings = found(done)
    assert not_ok(findings) == {}
    assert told["REDIS_URL"].split("/")[2] in findings["redis"]["seen"]
    assert told["MONGODB_URL"].split("/")[2] in findings["mongodb"]["seen"]
    assert told["COINSLOT_URL"] in findings["front"]["seen"]
    assert not (folder / environment.FILE).exists()
