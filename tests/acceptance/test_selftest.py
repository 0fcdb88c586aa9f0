"""`coinslot selftest`, run as a user would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence

import pymongo
import pytest
import redis

from coinslot.ports import LOOPBACK, free_port
from coinslot.settings import Settings

LINE = r"selftest: [\d,]+ acknowledged, [\d,]+ stored, 0 lost, 0 twice, 0 missing from the feed\n"


def selftest(
    *arguments: str, command: Sequence[str] = ("coinslot.cli", "selftest"), **environment: str
) -> subprocess.CompletedProcess[str]:
    ours = {name.upper() for name in Settings.model_fields}
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


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("REDIS_URL", "redis://anna:secret@{}/0"),
        ("MONGODB_URL", "mongodb://anna:secret@{}/"),
        ("BROKER_URL", "amqp://anna:secret@{}//"),
    ],
)
def test_a_server_that_cannot_be_reached_is_named_at_once(variable: str, url: str) -> None:
    where = f"{LOOPBACK}:{free_port()}"

    done = selftest("--seconds", "1", **{variable: url.format(where)})

    assert done.returncode == 1
    assert re.fullmatch(rf"coinslot: \w+: .*{re.escape(where)} .*throwaway.*\n", done.stderr), done
    assert "secret" not in done.stderr
    assert done.stdout == ""
