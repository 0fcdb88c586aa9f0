"""`coinslot selftest`, run as a user would."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

import pymongo
import pytest
import redis

from coinslot.ports import LOOPBACK, free_port
from coinslot.settings import Settings
from coinslot.stack.servers import RedisServer

LINE = r"selftest: [\d,]+ acknowledged, [\d,]+ stored, 0 lost, 0 twice, 0 missing from the feed\n"
LOSS = r"selftest: [\d,]+ acknowledged, [\d,]+ stored, [1-9][\d,]* lost, .*\n"


def selftest(
    *arguments: str, command: Sequence[str] = ("coinslot.cli", "selftest"), **environment: str
) -> subprocess.CompletedProcess[str]:
    ours = {name.upper() for name in Settings.names()}
    env = {name: value for name, value in os.environ.items() if name not in ours}
    return subprocess.run(
        [sys.executable, "-m", *command, *arguments],
        env={**env, **environment},
        capture_output=True,
        text=True,
        timeout=180,
    )


def test_on_a_throwaway_stack_it_kills_and_audits() -> None:
    done = selftest("--seconds", "5", "--kill", "--seed", "3")

    assert re.fullmatch(LINE, done.stdout), done
    assert done.returncode == 0
    assert "killed, by seed 3: " in done.stderr


def test_on_servers_that_others_use_it_leaves_nothing_behind(redis_url: str, mongodb_url: str) -> None:
    done = selftest("--seconds", "1", REDIS_URL=redis_url, MONGODB_URL=mongodb_url)

    assert re.fullmatch(LINE, done.stdout), done
    with redis.Redis.from_url(redis_url) as client, pymongo.MongoClient[dict[str, object]](mongodb_url) as mongo:
        assert list(client.scan_iter("*selftest*")) == []
        assert [name for name in mongo.list_database_names() if "selftest" in name] == []


@pytest.mark.parametrize("seconds", ["0", "x"])
def test_a_time_that_is_none_is_refused(seconds: str) -> None:
    done = selftest("--seconds", seconds)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def on_workers(module: str) -> subprocess.CompletedProcess[str]:
    """One second of it, with others than ours as workers."""
    return selftest("--seconds", "1", command=["tests.faults.selftest_on", module], DB_BACKEND="sqlite")


def test_positive_control_on_workers_that_write_nothing_it_sees_the_loss() -> None:
    done = on_workers("tests.faults.unwriting_worker")

    assert re.fullmatch(LOSS, done.stdout), done
    assert done.returncode == 1
    assert "Account(" not in done.stderr


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("REDIS_URL", "redis://anna:secret@{}/0"),
        ("MONGODB_URL", "mongodb://anna:secret@{}/"),
        ("BROKER_URL", "amqp://anna:secret@{}//"),
    ],
)
@pytest.mark.parametrize("silent", [False, True], ids=["refuses", "silent"])
def test_a_server_that_cannot_be_reached_is_named_at_once(variable: str, url: str, silent: bool) -> None:
    with socket.create_server((LOOPBACK, 0)) as listener:  # it accepts, and says nothing
        where = f"{LOOPBACK}:{listener.getsockname()[1] if silent else free_port()}"
        began = time.monotonic()

        done = selftest("--seconds", "1", **{variable: url.format(where)})

    assert time.monotonic() - began < 15  # 5 on an idle machine; it was more than 60
    # Of a broker that says nothing the client does not return in time to tell its address.
    told = "broker: no answer" if silent and variable == "BROKER_URL" else where
    assert re.fullmatch(rf"coinslot: .*{re.escape(told)} .*throwaway.*\n", done.stderr), done
    assert "secret" not in done.stderr
    assert (done.returncode, done.stdout) == (1, "")


def test_a_cleanup_that_fails_is_a_note_beside_what_the_test_found(redis_of_its_own: RedisServer) -> None:
    with redis.Redis.from_url(redis_of_its_own.url) as client:
        client.execute_command("ACL", "SETUSER", "default", "-unlink")

    done = selftest("--seconds", "1", REDIS_URL=redis_of_its_own.url, DB_BACKEND="sqlite")

    assert re.fullmatch(LINE, done.stdout), done
    assert re.fullmatch(r"coinslot: the test's keys, \S+, could not be removed: .*unlink.*\n", done.stderr)
    assert done.returncode == 0
