"""Real MongoDB servers, without a journal, out of reach, or seen by a user who may see little."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest

from coinslot.doctor import store
from coinslot.doctor.finding import Finding
from coinslot.settings import Settings
from coinslot.stack.servers import MongoServer
from tests.findings import not_ok
from tests.pipeline import until

Start = Callable[..., MongoServer]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    servers = []

    def start_one(*arguments: str) -> MongoServer:
        server = MongoServer(tmp_path, arguments=arguments)
        servers.append(server)
        server.start()
        server.wait_ready()
        return server

    yield start_one
    for server in servers:
        server.stop()


def examined(url: str, now: Callable[[], float] = time.time) -> list[Finding]:
    findings = list(store.examine(Settings.load(mongodb_url=url, db_name="doctor"), now))
    return [finding for finding in findings if finding.name != "disk.mongodb"]


def test_positive_control_a_good_mongodb_has_nothing_that_is_not_ok_and_is_left_as_it_was(mongodb_url: str) -> None:
    findings = examined(mongodb_url)

    assert not_ok(findings) == {}
    assert [each.name for each in findings] == ["mongodb", "mongodb.engine", "mongodb.writes", "mongodb.clock"]
    assert "standalone" in findings[0].seen
    with pymongo.MongoClient[dict[str, Any]](mongodb_url) as client:
        assert "doctor" not in client.list_database_names()


def test_its_disk_is_told_once_the_database_is_there(mongodb_url: str, prefix: str) -> None:
    with pymongo.MongoClient[dict[str, Any]](mongodb_url) as client:
        client[prefix].events.insert_one({})
        findings = list(store.examine(Settings.load(mongodb_url=mongodb_url, db_name=prefix), time.time))
        client.drop_database(prefix)

    assert "disk.mongodb" in [each.name for each in findings]


def test_one_without_a_journal_is_found(start: Start) -> None:
    findings = examined(start("--nojournal").url)

    assert not_ok(findings) == {"mongodb.writes": "wrong"}
    assert "journal" in findings[2].seen


def test_a_replica_set_without_a_primary_is_found_and_with_one_is_well(start: Start) -> None:
    server = start("--replSet", "rs0")
    before = examined(f"{server.url}?replicaSet=rs0")
    with pymongo.MongoClient[dict[str, Any]](server.url, directConnection=True) as client:
        members = [{"_id": 0, "host": f"127.0.0.1:{server.port}"}]
        client.admin.command("replSetInitiate", {"_id": "rs0", "members": members})
        until(lambda: client.admin.command("hello")["isWritablePrimary"], what="a primary")

    after = examined(server.url)

    assert not_ok(before) == {"mongodb": "wrong"}
    assert not_ok(after) == {}
    assert "replica set rs0" in after[0].seen


def test_a_user_with_few_rights_is_told_what_cannot_be_told(start: Start) -> None:
    server = start("--auth")
    with pymongo.MongoClient[dict[str, Any]](server.url) as client:  # the first user needs none before it
        client.admin.command("createUser", "root", pwd="root", roles=["root"])
    with pymongo.MongoClient[dict[str, Any]](server.url.replace("//", "//root:root@")) as client:
        client.admin.command("createUser", "reader", pwd="right-secret", roles=[{"role": "read", "db": "doctor"}])

    may_read = examined(server.url.replace("//", "//reader:right-secret@"))
    is_refused = examined(server.url.replace("//", "//reader:wrong-secret@"))

    assert not_ok(may_read) == {"mongodb.engine": "warning", "mongodb.writes": "warning"}
    assert all("cannot be told" in each.seen for each in may_read if each.state == "warning")
    assert not_ok(is_refused) == {"mongodb": "wrong"}
    assert "secret" not in str(is_refused)


def test_one_that_is_down_is_one_finding(start: Start) -> None:
    server = start()
    server.stop()

    (finding,) = examined(server.url)

    assert (finding.name, finding.state) == ("mongodb", "wrong")
    assert "refused" in finding.seen


def test_one_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        (finding,) = examined(f"mongodb://user:secret@127.0.0.1:{server.getsockname()[1]}/")

    assert (finding.name, finding.state) == ("mongodb", "wrong")
    assert "secret" not in str(finding)


def test_a_clock_that_is_off_is_a_warning_at_most(mongodb_url: str) -> None:
    findings = examined(mongodb_url, now=lambda: time.time() - 1000)

    assert not_ok(findings) == {"mongodb.clock": "warning"}
