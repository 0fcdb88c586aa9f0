"""Which store it is, without its password, and whether it can keep anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from coinslot.doctor import broker, mongodb, store


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mongodb://127.0.0.1:27017/", "127.0.0.1:27017"),
        ("mongodb://user:s%40cret@one,two:7/db?replicaSet=rs", "one:27017,two:7"),
        ("mongodb://[::1]:7/", "::1:7"),
        ("mongodb+srv://user:secret@cluster.example.com/db", "cluster.example.com"),
        ("mongodb+srv://cluster.example.com/", "cluster.example.com"),
    ],
)
def test_an_address_is_told_without_user_and_password(url: str, address: str) -> None:
    assert mongodb.address(url) == address


@pytest.mark.parametrize(
    ("storage", "state"),
    [
        ({"name": "wiredTiger", "persistent": True}, "ok"),
        ({"name": "inMemory", "persistent": False}, "wrong"),
        ({}, "ok"),  # a router
    ],
)
def test_an_engine_that_keeps_nothing_is_wrong(storage: dict[str, object], state: str) -> None:
    assert mongodb.engine(storage).state == state


def test_sqlite_is_asked_for_a_folder_that_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert store.sqlite(tmp_path / "a" / "b").state == "ok"
    assert store.sqlite(tmp_path / "file" / "b").state == "wrong"


@pytest.mark.parametrize(
    ("product", "version", "state"),
    [
        ("RabbitMQ", "3.10.8", "ok"),
        ("RabbitMQ", "3.7.28", "wrong"),
        ("Another", "9.1", "wrong"),
        ("RabbitMQ", "", "wrong"),
    ],
)
def test_a_broker_must_have_quorum_queues(product: str, version: str, state: str) -> None:
    assert broker.version("127.0.0.1:5672", product, version).state == state
