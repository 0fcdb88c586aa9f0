"""The same pipeline on every store, and on RabbitMQ instead of Redis as the queue."""

from __future__ import annotations

from pathlib import Path

import kombu
import pymongo
import pytest

from coinslot.client import Client
from coinslot.doctor import broker
from coinslot.keys import Keys
from coinslot.ports import free_port
from tests.faults.account import CLEAN, account
from tests.pipeline import Pipeline, until


@pytest.mark.rabbitmq
def test_rabbitmq_carries_the_pipeline(on_rabbitmq: Pipeline) -> None:
    acknowledged = set(on_rabbitmq.send([{"timestamp": n} for n in range(500)]))

    on_rabbitmq.wait_count(500)
    until(lambda: on_rabbitmq.audit()["stored"] == 500)

    assert account(on_rabbitmq, acknowledged) == CLEAN


@pytest.mark.rabbitmq
@pytest.mark.parametrize("gap", ["read", "stored", "settled"])
def test_on_rabbitmq_a_killed_worker_costs_nothing_either(on_rabbitmq: Pipeline, gap: str) -> None:
    on_rabbitmq.workers[0].stop()
    doomed = on_rabbitmq.process("worker", name="doomed", FAILPOINT=gap)
    doomed.start()
    acknowledged = set(on_rabbitmq.send([{"timestamp": n} for n in range(20)]))
    until(lambda: not doomed.is_running(), what=f"dead at {gap}")

    on_rabbitmq.workers[0].start()
    on_rabbitmq.wait_count(20, timeout_s=20)
    until(lambda: len(acknowledged) <= on_rabbitmq.audit()["accepted"])

    assert doomed.exit_code() == -9
    assert account(on_rabbitmq, acknowledged) == CLEAN


@pytest.mark.rabbitmq
def test_a_queue_deleted_on_rabbitmq_is_an_error_to_the_sender_and_not_a_silent_loss(
    on_rabbitmq: Pipeline, amqp_url: str, prefix: str
) -> None:
    on_rabbitmq.send([{"timestamp": 1}])
    on_rabbitmq.wait_count(1)
    on_rabbitmq.workers[0].stop()
    with kombu.Connection(amqp_url) as connection:
        connection.default_channel.queue_delete(Keys.of(prefix).queue)

    answer = on_rabbitmq.post(b'{"timestamp": 2}')
    acknowledged = set(on_rabbitmq.send([{"timestamp": 3}]))
    on_rabbitmq.workers[0].start()
    on_rabbitmq.wait_count(2)

    assert answer.status == 503
    assert account(on_rabbitmq, acknowledged).lost == 0


@pytest.mark.rabbitmq
def test_on_rabbitmq_what_died_is_replayed_and_stored_and_the_ledger_balances(
    amqp_url: str, mongodb_url: str, redis_url: str, prefix: str, tmp_path: Path
) -> None:
    environment = {"BROKER_URL": amqp_url, "MONGODB_URL": mongodb_url, "REDIS_URL": redis_url}
    environment |= {"DB_NAME": prefix, "KEY_PREFIX": prefix}
    with (
        Pipeline(tmp_path, environment) as pipeline,
        Client(pipeline.url) as client,
        pymongo.MongoClient[dict[str, object]](mongodb_url) as mongo,
    ):
        mongo[prefix].create_collection("events", validator={"country": {"$ne": "nowhere"}})
        pipeline.send([{"timestamp": 1, "country": "nowhere"}, {"timestamp": 2}])
        until(lambda: client.dead_letters().total == 1, what="dead")
        died = pipeline.audit()
        (letter,) = client.dead_letters().dead_letters
        mongo[prefix].command("collMod", "events", validator={})

        client.replay(letter.id)

        until(lambda: pipeline.audit()["stored"] == 2, what="stored after all")
        after = pipeline.audit()
        assert letter.accepted_at_ms is None
        assert (died["accepted"], died["stored"], died["dead"], died["balanced"]) == (2, 1, 1, True)
        assert (after["accepted"], after["dead"], after["dead_letters"], after["balanced"]) == (2, 0, 0, True)
        assert pipeline.count() == 2


@pytest.mark.rabbitmq
def test_on_rabbitmq_an_erasure_does_not_see_the_queue_and_says_so(
    amqp_url: str, redis_url: str, prefix: str, tmp_path: Path
) -> None:
    environment = {"BROKER_URL": amqp_url, "DB_BACKEND": "sqlite", "REDIS_URL": redis_url, "KEY_PREFIX": prefix}
    with Pipeline(tmp_path, environment) as pipeline, Client(pipeline.url) as client:
        pipeline.send([{"timestamp": n, "user_id": f"u{n % 2}"} for n in range(10)])
        until(lambda: pipeline.audit()["stored"] == 10, what="stored")

        (part,) = client.erase_in_parts("user_id", "u1")

        after = pipeline.audit()
        assert (part.events, part.done) == (5, True)
        assert "queue is on another broker" in (part.note or "")
        assert (pipeline.count(), after["erased"], after["balanced"]) == (5, 5, True)


@pytest.mark.rabbitmq
def test_the_doctor_finds_rabbitmq_or_its_absence_and_shows_no_password(amqp_url: str) -> None:
    (there,) = broker.examine(amqp_url)
    (refused,) = broker.examine(amqp_url.replace("guest:guest", "guest:a-secret"))
    (away,) = broker.examine(f"amqp://guest:a-secret@127.0.0.1:{free_port()}//")

    assert there.state == "ok"
    assert there.seen.startswith("RabbitMQ 3.")
    assert (refused.state, away.state) == ("wrong", "wrong")
    assert "secret" not in f"{refused}{away}"


def test_a_broker_that_is_away_is_told_by_ready_and_refuses_posts_though_redis_is_well(
    redis_url: str, prefix: str, tmp_path: Path
) -> None:
    nobody = f"amqp://guest:guest@127.0.0.1:{free_port()}//"
    environment = {"BROKER_URL": nobody, "DB_BACKEND": "sqlite", "REDIS_URL": redis_url, "KEY_PREFIX": prefix}
    pipeline = Pipeline(tmp_path, environment, workers=0).start()

    ready = pipeline.http.request("GET", f"{pipeline.url}/ready")
    answer = pipeline.post(b'{"timestamp": 1}')
    pipeline.stop()

    assert ready.status == 503
    assert "cannot be reached" in ready.json()["checks"]["queue"]
    assert answer.status == 503


@pytest.mark.parametrize("backend", ["sqlite", "memory", "mongodb"])
def test_every_store_that_stores_runs_the_whole_pipeline(
    backend: str, redis_url: str, mongodb_url: str, prefix: str, tmp_path: Path
) -> None:
    environment = {
        "DB_BACKEND": backend,
        "MONGODB_URL": mongodb_url,
        "DB_NAME": prefix,
        "REDIS_URL": redis_url,
        "KEY_PREFIX": prefix,
    }
    pipeline = Pipeline(tmp_path, environment, workers=2).start()

    acknowledged = {id for post in range(20) for id in pipeline.send([{"timestamp": post, "n": n} for n in range(10)])}
    pipeline.send([{"timestamp": 0, "_id": id} for id in sorted(acknowledged)[:10]])
    audit = pipeline.wait_settled()
    result = account(pipeline, acknowledged)
    pipeline.stop()

    assert result == CLEAN
    assert (audit["stored"], audit["duplicate"]) == (200, 10)


def test_the_dummy_store_takes_everything_keeps_nothing_and_answers_made_up_events(
    redis_url: str, prefix: str, tmp_path: Path
) -> None:
    environment = {"DB_BACKEND": "dummy", "REDIS_URL": redis_url, "KEY_PREFIX": prefix}
    pipeline = Pipeline(tmp_path, environment).start()
    before = pipeline.events()

    pipeline.send([{"timestamp": n} for n in range(20)])
    audit = pipeline.wait_settled()
    after = pipeline.events()
    pipeline.stop()

    assert audit["stored"] == 20
    assert before == after != []
