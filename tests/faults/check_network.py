"""Replies lost by the thousand and networks that swallow everything, under load: make test-faults."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.account import CLEAN
from tests.faults.campaign import Campaign
from tests.faults.crowd import Answered, Crowd
from tests.faults.network import (
    ALL_TO_MONGODB,
    INGEST_TO_REDIS,
    WORKERS_TO_MONGODB,
    WORKERS_TO_REDIS,
    Behind,
    Way,
    behind_a_proxy,
)
from tests.faults.test_network import ANSWER_S, BACK_S
from tests.pipeline import PATH, until

LOST, LOST_SHARE = 1000, 0.2
CUTS = 100
OUTAGES, OUTAGE_S = 12, (1.0, 15.0)  # in turn with late replies, and with connections that stay silent
MONGODB_BACK_S = 16.0  # SOCKET_TIMEOUT_MS and the longest pause of a worker, and some
TRIES_MAX = 2 * OUTAGES * OUTAGE_S[1]  # of two workers: one a second
LOAD = {"events_per_post": 10, "pause_s": 0.02}
WAYS = {"worker-redis": WORKERS_TO_REDIS, "worker-mongodb": WORKERS_TO_MONGODB, "ingest-redis": INGEST_TO_REDIS}


@pytest.fixture
def environment(redis_url: str, mongodb_url: str, prefix: str) -> dict[str, str]:
    return {"REDIS_URL": redis_url, "MONGODB_URL": mongodb_url, "DB_NAME": prefix, "KEY_PREFIX": prefix}


@pytest.mark.parametrize(
    ("name", "resend"),
    [("ingest-redis", True), ("ingest-redis", False), ("worker-redis", True), ("worker-mongodb", True)],
)
def test_replies_lost_under_load(name: str, resend: bool, environment: dict[str, str], tmp_path: Path) -> None:
    way = WAYS[name]
    losses = way.losses(LOST, LOST_SHARE)
    with behind_a_proxy(way, environment, tmp_path) as behind:
        campaign = Campaign(behind.pipeline, [], resend=resend, **LOAD)
        behind.proxy.lose(*losses)

        with campaign.under_load():
            until(lambda: sum(loss.lost for loss in losses) == LOST, timeout_s=900)
        account = campaign.account()
        audit = behind.pipeline.audit()
        stored = {event["_id"] for event in behind.pipeline.events()}

    journal = campaign.journal
    campaign.figures(f"replies lost, {name}, {'sent again' if resend else 'sent once'}", LOST, account)
    print(
        f"lost of each kind {[loss.lost for loss in losses]}; {audit['duplicate']} duplicates, {audit['dead']} dead; "
        f"{len(journal.refused & stored)} of {len(journal.refused)} refused events are stored"
    )
    assert account == CLEAN
    assert audit["dead"] == 0
    if way is not INGEST_TO_REDIS:
        assert journal.refusals == {}
        return
    assert set(journal.refusals) == {503}
    assert journal.refusals[503] >= LOST  # each reply was that of a publish
    # The lost publishes had reached the queue: sent again they are duplicates, sent once they are there all the same.
    assert audit["duplicate"] > 0 if resend else journal.refused & stored


@pytest.mark.parametrize("name", WAYS)
def test_connections_cut_under_load(name: str, environment: dict[str, str], tmp_path: Path) -> None:
    with behind_a_proxy(WAYS[name], environment, tmp_path) as behind:
        campaign = Campaign(behind.pipeline, [], **LOAD)

        def cut() -> None:
            until(campaign.flows(events=50), timeout_s=30)
            behind.proxy.cut()

        campaign.run({"cut": cut}, times=CUTS, pause_s=(0.0, 0.5))
        account = campaign.account()
        dead = behind.pipeline.audit()["dead"]

    campaign.figures(f"all connections cut, {name}", CUTS, account)
    assert account == CLEAN
    assert dead == 0
    assert set(campaign.journal.refusals) <= {503}
    assert campaign.journal.unanswered == 0


def outages(
    behind: Behind, campaign: Campaign, during: Callable[[], None], wait_back: Callable[[], None]
) -> list[float]:
    """Swallow everything for a while, again and again; how long it took each time until all was well again."""
    chance, waits_s = random.Random(1), []
    for n in range(OUTAGES):
        until(campaign.flows(), timeout_s=60)
        until(lambda: behind.pipeline.audit().get("queued", math.inf) < 1000, timeout_s=60)  # it may be 503 still
        over_at = time.monotonic() + chance.uniform(*OUTAGE_S)
        behind.proxy.swallow(requests=n % 3 > 0)
        while time.monotonic() < over_at:
            during()
        behind.proxy.heal(late=n % 2 == 0)
        healed_at = time.monotonic()
        wait_back()
        waits_s.append(time.monotonic() - healed_at)
    return waits_s


def test_the_network_between_ingest_and_redis_swallows_everything_under_load(
    environment: dict[str, str], tmp_path: Path
) -> None:
    answers: list[Answered] = []
    with behind_a_proxy(INGEST_TO_REDIS, environment, tmp_path) as behind, Crowd(behind.pipeline.url) as crowd:
        campaign = Campaign(behind.pipeline, [], **LOAD)

        def post() -> set[int]:
            answered = crowd.post()
            answers.extend(answered)
            for answer in answered:
                if answer.status == 201:
                    campaign.journal.acknowledge([answer.id])
                else:
                    campaign.journal.refuse([answer.id], answer.status)
            return {answer.status for answer in answered}

        with campaign.under_load():
            waits_s = outages(behind, campaign, post, lambda: until(lambda: post() == {201}, timeout_s=60))
        account = campaign.account()

    longest_s = max(answer.wait_s for answer in answers)
    campaign.figures("ingest-redis swallowed", OUTAGES, account)
    print(f"{len(answers)} POSTs of 64 clients answered within {longest_s:.2f} s; back after {max(waits_s):.1f} s")
    assert account == CLEAN
    assert longest_s <= ANSWER_S
    assert set(campaign.journal.refusals) == {503}
    assert campaign.journal.unanswered == 0
    assert max(waits_s) <= BACK_S


@pytest.mark.parametrize(
    ("way", "back_s"),
    [(WORKERS_TO_REDIS, BACK_S), (ALL_TO_MONGODB, MONGODB_BACK_S)],
    ids=["redis", "mongodb"],
)
def test_the_network_between_workers_and_a_server_swallows_everything_under_load(
    way: Way, back_s: float, environment: dict[str, str], tmp_path: Path
) -> None:
    reads: list[tuple[int, float]] = []
    with behind_a_proxy(way, environment, tmp_path) as behind:
        campaign, pipeline = Campaign(behind.pipeline, [], **LOAD), behind.pipeline

        def read() -> None:
            began = time.monotonic()
            status = pipeline.http.request("GET", f"{pipeline.url}{PATH}/count", timeout=60).status
            reads.append((status, time.monotonic() - began))
            time.sleep(0.2)

        def wait_stored() -> None:
            before = pipeline.audit()["stored"]
            until(lambda: pipeline.audit()["stored"] > before + 100, timeout_s=60)

        with campaign.under_load():
            waits_s = outages(behind, campaign, read, wait_stored)
        tries = behind.tries()
        account = campaign.account()
        dead = pipeline.audit()["dead"]

    campaign.figures(f"{way.setting} swallowed, from {' and '.join(way.clients)}", OUTAGES, account)
    longest_s = max(wait_s for _, wait_s in reads)
    print(f"counts answered within {longest_s:.1f} s; stores after {max(waits_s):.1f} s; {tries} tries of the workers")
    assert account == CLEAN
    assert dead == 0
    assert campaign.journal.refusals == {}
    assert max(waits_s) <= back_s
    assert tries <= TRIES_MAX
    assert {status for status, _ in reads} == {503 if "front" in way.clients else 200}
    assert longest_s <= ANSWER_S
