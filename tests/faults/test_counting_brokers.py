"""Analytic events on RabbitMQ instead of Redis: one worker counts at a time, and others stand by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kombu
import pytest

from coinslot.client import Client
from coinslot.keys import ANALYTICS, Keys
from tests.analytics.client import Client as Analytics
from tests.faults.proxy import Proxy
from tests.pipeline import Pipeline, until


@pytest.mark.rabbitmq
def test_on_rabbitmq_analytic_events_are_counted_in_order_though_whoever_counts_is_killed(
    amqp_url: str, redis_url: str, prefix: str, tmp_path: Path
) -> None:
    environment = {"BROKER_URL": amqp_url, "DB_BACKEND": "sqlite", "REDIS_URL": redis_url, "KEY_PREFIX": prefix}
    environment["COMMITS_IN_FLIGHT"] = "1"  # so that one POST is in the queue before the next
    users = [f"u{n}" for n in range(400)]
    visits = [{"event_name": "visit", "user_id": user} for user in users]
    buys = [{"event_name": "buy", "user_id": user, "ensure_goal": True} for user in users[::2]]
    with Pipeline(tmp_path, environment, workers=2) as pipeline, Client(pipeline.url) as client:
        analytics = Analytics(pipeline)
        first, second = pipeline.workers
        analytics.count(visits, batch=10)
        first.kill()
        analytics.count(buys[:100], batch=10)
        first.start()
        second.kill()
        analytics.count(buys[100:], batch=10)

        until(lambda: shown(analytics).get("buy", {}).get("count") == 200, timeout_s=20, what="counted")

        counters, audit = shown(analytics), client.audit(queue=ANALYTICS)
        assert {name: counter["count"] for name, counter in counters.items()} == {
            "global_counter": 400, "visit": 400, "buy": 200,
        }  # fmt: skip
        assert counters["buy"]["event_counts"] == [{"events": ["visit"], "count": 200}]
        assert audit["stored"] >= 600  # what was counted by who was killed, and not acknowledged, is there twice
        assert (audit["dead"], audit["balanced"]) == (0, True)


@pytest.mark.rabbitmq
def test_on_rabbitmq_analytic_events_are_counted_in_order_over_connections_that_are_cut(
    amqp_url: str, redis_url: str, prefix: str, tmp_path: Path
) -> None:
    environment = {"BROKER_URL": amqp_url, "DB_BACKEND": "sqlite", "REDIS_URL": redis_url, "KEY_PREFIX": prefix}
    environment["COMMITS_IN_FLIGHT"] = "1"
    users = [f"u{n}" for n in range(50)]
    with Pipeline(tmp_path, environment, workers=0) as pipeline, Proxy(amqp_url) as proxy:
        pipeline.process("worker", BROKER_URL=proxy.url).start()
        analytics = Analytics(pipeline)
        for user in users:
            analytics.count([{"event_name": "visit", "user_id": user}])
            analytics.count([{"event_name": "buy", "user_id": user, "ensure_goal": True}])
            proxy.cut()

        until(lambda: shown(analytics).get("buy", {}).get("count") == 50, timeout_s=20, what="counted")

        counters = shown(analytics)
        assert counters["visit"]["count"] == 50
        assert counters["buy"]["event_counts"] == [{"events": ["visit"], "count": 50}]
        until(lambda: waiting(amqp_url, Keys.of(prefix).analytics) == 0, what="acknowledged")


def waiting(url: str, queue: str) -> int:
    with kombu.Connection(url) as connection:
        return int(connection.default_channel.queue_declare(queue, passive=True).message_count)


@pytest.mark.rabbitmq
def test_on_rabbitmq_an_analytic_message_that_nobody_can_read_dies_and_does_so_again_when_it_is_replayed(
    on_rabbitmq: Pipeline, amqp_url: str, prefix: str
) -> None:
    with Client(on_rabbitmq.url) as client, kombu.Connection(amqp_url) as connection:

        def letters() -> list[str]:
            return [letter.id for letter in client.dead_letters(queue=ANALYTICS).dead_letters]

        analytics = Analytics(on_rabbitmq)
        analytics.count([{"event_name": "visit", "user_id": "u"}])
        until(lambda: client.audit(queue=ANALYTICS)["stored"] == 1, what="counted")
        connection.Producer().publish(b"neither is this", routing_key=Keys.of(prefix).analytics)
        (first,) = until(letters, what="dead")
        died = client.audit(queue=ANALYTICS)

        client.replay(first, queue=ANALYTICS)

        until(lambda: letters() not in ([], [first]), what="dead again")
        again = client.audit(queue=ANALYTICS)
        assert (died["accepted"], died["stored"], died["dead"], died["balanced"]) == (2, 1, 1, True)
        assert again == died
        assert client.dead_letters().total == 0


def shown(analytics: Analytics) -> dict[str, dict[str, Any]]:
    """The counters by name."""
    return {counter["name"]: counter for counter in analytics.get("/v0/analytics")["counts"]}
