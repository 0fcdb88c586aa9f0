"""Real Redis servers, set up badly, out of reach, or seen by a user who may see little."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from coinslot import redisclient
from coinslot.doctor import ledger, redis
from coinslot.doctor.finding import Finding
from coinslot.keys import Keys
from coinslot.settings import Settings
from coinslot.stack.servers import RedisServer
from tests.findings import not_ok
from tests.pipeline import until

GOOD = {"maxmemory": "1gb"}
MIB = 1024 * 1024
OF_THE_MACHINE = ("machine.overcommit", "disk.redis")

Start = Callable[..., RedisServer]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a Redis with these options over good ones."""
    servers = []

    def start_one(**options: str) -> RedisServer:
        server = RedisServer(tmp_path, **{**GOOD, **options})
        servers.append(server)
        server.start()
        server.wait_ready()
        return server

    yield start_one
    for server in servers:
        server.stop()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def examined(url: str, now: Callable[[], float] = time.time, timeout_s: float = 2.0, **settings: Any) -> list[Finding]:
    with redisclient.connect(url, timeout_s=timeout_s) as client:
        findings = list(redis.examine(client, Settings.load(redis_url=url, **settings), now))
    return [finding for finding in findings if finding.name not in OF_THE_MACHINE]


def test_positive_control_a_good_redis_has_nothing_that_is_not_ok(start: Start) -> None:
    findings = examined(start().url)

    assert not_ok(findings) == {}
    assert {"redis", "redis.appendfsync", "redis.maxmemory-policy", "redis.clock"} <= {each.name for each in findings}


@pytest.mark.parametrize(
    ("options", "name", "state"),
    [
        ({"appendonly": "no"}, "redis.appendonly", "wrong"),
        ({"appendfsync": "everysec"}, "redis.appendfsync", "warning"),
        ({"appendfsync": "no"}, "redis.appendfsync", "wrong"),
        ({"no_appendfsync_on_rewrite": "yes"}, "redis.no-appendfsync-on-rewrite", "wrong"),
        ({"maxmemory_policy": "allkeys-lru"}, "redis.maxmemory-policy", "wrong"),
        ({"maxmemory": "0"}, "redis.maxmemory", "warning"),
        ({"maxmemory": "300mb"}, "redis.feed", "wrong"),
    ],
)
def test_what_is_set_up_badly_is_found_alone(start: Start, options: dict[str, str], name: str, state: str) -> None:
    findings = examined(start(**options).url)

    assert not_ok(findings) == {name: state}


def test_a_replica_is_found(start: Start) -> None:
    server = start()
    with redisclient.connect(server.url, timeout_s=2) as client:
        client.replicaof("127.0.0.1", 1)

    assert not_ok(examined(server.url)) == {"redis.serves": "wrong"}


def test_what_it_advises_mends_it(start: Start) -> None:
    server = start(appendonly="no", maxmemory_policy="allkeys-lru", maxmemory="0")
    advice = [each.remedy for each in examined(server.url) if each.state != "ok"]

    with redisclient.connect(server.url, timeout_s=2) as client:
        for remedy in advice:
            client.execute_command(*remedy.partition(",")[0].removeprefix("redis-cli ").split())
        until(lambda: not rewriting(client), what="its first append-only file written; until then it would not end")

    assert len(advice) == 3
    assert not_ok(examined(server.url)) == {}


def test_a_rewrite_that_was_killed_is_found(start: Start) -> None:
    server = start()
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
    with redisclient.connect(server.url, timeout_s=2) as client:
        client.set("key", "value")
        client.config_set("rdb-key-save-delay", 10_000_000)  # µs that the rewriting child waits at each key
        client.bgrewriteaof()
        child = until(children.read_text, what="a child that rewrites")
        os.kill(int(child), signal.SIGKILL)
        until(lambda: not children.read_text(), what="its end seen")

    assert not_ok(examined(server.url)) == {"redis.aof_rewrite": "warning"}


def test_of_one_that_still_loads_nothing_is_said_that_is_not_so(start: Start) -> None:
    slow = {"rdbcompression": "no", "key_load_delay": "100000"}  # µs a key; it listens every 2 MiB meanwhile
    server = start(**slow)
    with redisclient.connect(server.url, timeout_s=10) as client:
        for number in range(30):
            client.set(f"key-{number}", b"x" * MIB)
        client.bgrewriteaof()
        until(lambda: not rewriting(client), what="keys where their loading is delayed")
    server.stop()

    server.start()
    findings = until(lambda: [each for each in [examined(server.url)] if len(each) > 1], what="its first word")[0]

    assert not_ok(findings) == {"redis.serves": "wrong"}
    assert [each.name for each in findings] == ["redis", "redis.serves"]
    assert "loads its data" in findings[1].seen


def test_a_user_who_may_not_see_the_configuration_is_told_what_cannot_be_told(start: Start) -> None:
    server = start()
    url = user(server, "+@all -config")

    assert not_ok(examined(url)) == {"redis.appendfsync": "warning"}
    assert "cannot be told" in next(each.seen for each in examined(url) if each.name == "redis.appendfsync")


def test_a_user_who_may_not_see_anything_cannot_take_events_either(start: Start) -> None:
    url = user(start(), "+@all -info")

    (finding,) = examined(url)

    assert (finding.name, finding.state) == ("redis", "wrong")
    assert "+info" in finding.remedy


@pytest.mark.parametrize("login", ["", "limited:wrong-secret@", ":wrong-secret@"])
def test_a_password_that_is_missing_or_wrong_is_named_and_not_shown(start: Start, login: str) -> None:
    server = start()
    with redisclient.connect(server.url, timeout_s=2) as client:
        client.config_set("requirepass", "right-secret")

    (finding,) = examined(server.url.replace("//", f"//{login}"))

    assert (finding.name, finding.state) == ("redis", "wrong")
    assert "secret" not in str(finding)
    assert f"127.0.0.1:{server.port}" in finding.seen


def test_a_redis_that_is_down_is_one_finding(start: Start) -> None:
    server = start()
    server.stop()

    (finding,) = examined(server.url)

    assert (finding.name, finding.state) == ("redis", "wrong")
    assert "refused" in finding.seen


def test_one_that_never_answers_is_given_up(silent_port: int) -> None:
    (finding,) = examined(f"redis://127.0.0.1:{silent_port}/0", timeout_s=0.2)

    assert (finding.name, finding.state) == ("redis", "wrong")
    assert "cannot be reached" in finding.seen


@pytest.mark.parametrize(("ahead_s", "state"), [(20, "warning"), (-20, "warning"), (100, "wrong")])
def test_a_clock_that_is_off_is_found(start: Start, ahead_s: float, state: str) -> None:
    findings = examined(start().url, now=lambda: time.time() + ahead_s)

    assert not_ok(findings) == {"redis.clock": state}


def test_its_disk_and_the_kernels_setting_are_told_where_it_runs_here(start: Start) -> None:
    server = start()
    with redisclient.connect(server.url, timeout_s=2) as client:
        names = [each.name for each in redis.examine(client, Settings.load(redis_url=server.url), time.time)]

    assert names[-2:] == list(OF_THE_MACHINE)


def rewriting(client: Any) -> bool:
    info = client.info("persistence")
    return bool(info["aof_rewrite_in_progress"] or info["aof_rewrite_scheduled"])


def user(server: RedisServer, rights: str) -> str:
    """The URL of a user with these rights."""
    with redisclient.connect(server.url, timeout_s=2) as client:
        client.execute_command(f"ACL SETUSER limited on >secret ~* &* {rights}")
    return server.url.replace("//", "//limited:secret@")


# The ledger


def entries(url: str, **settings: Any) -> dict[str, Finding]:
    with redisclient.connect(url, timeout_s=2) as client:
        return {each.name: each for each in ledger.examine(client, Settings.load(redis_url=url, **settings))}


def test_positive_control_an_empty_ledger_is_well(redis_url: str, prefix: str) -> None:
    found = entries(redis_url, key_prefix=prefix)

    assert not_ok(found.values()) == {}
    of_events = ["ledger", "workers.halt", "dead_letters", "workers"]
    assert list(found) == [*of_events, "analytics.ledger", "analytics.dead_letters", "analytics.workers"]


def test_a_gap_a_halt_and_dead_letters_are_found(redis_url: str, prefix: str) -> None:
    keys = Keys.of(prefix)
    with redisclient.connect(redis_url, timeout_s=2) as client:
        client.hset(keys.ledger, mapping={"accepted": 3, "stored": 1, "dead": 1, "halted": "1 of 3 events died"})
        client.xadd(keys.dead, {"payload": "{}", "reason": "it is too hot"})

    found = entries(redis_url, key_prefix=prefix)

    states = {"ledger": "wrong", "workers.halt": "wrong", "dead_letters": "warning"}
    assert not_ok(found.values()) == states
    assert "coinslot dead resume" in found["workers.halt"].remedy


@pytest.mark.parametrize("group", [True, False])
def test_events_that_nobody_reads_are_found(redis_url: str, prefix: str, group: bool) -> None:
    keys = Keys.of(prefix)
    with redisclient.connect(redis_url, timeout_s=2) as client:
        long_ago_ms = int((time.time() - 300) * 1000)
        client.hset(keys.ledger, mapping={"accepted": 1, "queued": 1, "queued_messages": 1})
        client.xadd(keys.queue, {"body": "[]"}, id=f"{long_ago_ms}-0")
        if group:
            client.xgroup_create(keys.queue, "workers", id="0")

    found = entries(redis_url, key_prefix=prefix)

    assert not_ok(found.values()) == {"workers": "wrong"}
    assert found["workers"].seen.startswith("0 at work; the oldest event has waited for ")


def test_a_ledger_that_this_user_may_not_read_is_untold(start: Start) -> None:
    url = user(start(), "+@all -@scripting")

    found = entries(url)

    assert not_ok(found.values()) == {"ledger": "warning"}


def test_of_a_redis_that_is_down_the_ledger_says_nothing(start: Start) -> None:
    server = start()
    server.stop()

    assert entries(server.url) == {}
