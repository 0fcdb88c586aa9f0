"""On a Redis that is a cluster: no step may touch keys of more than one slot, for they may lie on different nodes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from coinslot import redisclient
from coinslot.ports import free_port
from coinslot.stack.servers import RedisServer
from tests.analytics.client import Client
from tests.pipeline import Pipeline, until
from tests.running import running

LAST_SLOT = 16383


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RedisServer]:
    """Of one node, which has all slots."""
    folder = tmp_path / "redis"
    folder.mkdir()
    with running(RedisServer(folder, cluster_enabled="yes", cluster_port=free_port())) as server:
        with redisclient.connect(server.url, timeout_s=5) as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, LAST_SLOT)
            until(lambda: b"cluster_state:ok" in _info(client), what="the cluster is up")
        yield server


def _info(client: redis.Redis) -> bytes:
    info: bytes = client.execute_command("CLUSTER", "INFO")  # type: ignore[no-untyped-call]
    return info


def test_events_are_stored_and_counted_on_a_cluster_with_all_keys_in_one_slot(
    cluster: RedisServer, tmp_path: Path
) -> None:
    environment = {"REDIS_URL": cluster.url, "DB_BACKEND": "sqlite", "KEY_PREFIX": "ours", "BANK_ANALYTICS": "1"}
    names, namespaces = ("a", "goal"), ("here", "there")
    events = [
        {"event_name": name, "user_id": user, "namespace": namespace, "ensure_goal": name == "goal"}
        for user in ("ann", "bob")
        for namespace in namespaces
        for name in names
    ]
    with Pipeline(tmp_path, environment) as pipeline:
        client = Client(pipeline)

        client.count(events)
        pipeline.wait_count(len(events))

        assert client.get("/v0/namespaces") == {"namespaces": list(namespaces)}
        for namespace in namespaces:
            predicted = client.get("/v0/predictions", [("namespace", namespace), ("event", "a")])
            assert predicted == {"goals": {"goal": {"yes": 1, "no": 0, "likelihood": 10}}}

    # Redis itself looks only at the keys that a script declares, as long as one node has all slots.
    with redisclient.connect(cluster.url, timeout_s=5) as redis_client:
        slots = {redis_client.cluster("KEYSLOT", key) for key in redis_client.scan_iter()}
    assert len(slots) == 1
