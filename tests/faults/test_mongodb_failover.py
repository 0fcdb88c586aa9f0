"""A MongoDB replica set whose primary steps down, dies, or is alone with what it has stored."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import pymongo
import pytest

from coinslot.errors import StoreUnavailable
from coinslot.events import Event
from coinslot.selftest.account import Account
from coinslot.stack.servers import MongoServer
from coinslot.store import STORED
from coinslot.store.mongodb import MongoStore
from tests.faults.account import CLEAN, account
from tests.faults.campaign import Campaign
from tests.faults.replica_set import ReplicaSet
from tests.faults.test_mongodb_faults import LOAD, only_accepted, resume, started_workers
from tests.pipeline import Pipeline, until

CARELESS = "tests.faults.careless_worker"
ELECTION_TIMEOUT_S = 3.0  # in check_mongodb.py it is MongoDB's default
FAIL_OVER_S = 30.0


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    with ReplicaSet(tmp_path_factory.mktemp("rs"), election_timeout_s=ELECTION_TIMEOUT_S) as replica_set:
        yield replica_set


@pytest.fixture
def replica_set(started: ReplicaSet) -> ReplicaSet:
    started.restore()
    return started


@pytest.fixture
def environment(replica_set: ReplicaSet, redis_url: str, prefix: str) -> dict[str, str]:
    return {"REDIS_URL": redis_url, "MONGODB_URL": replica_set.url, "DB_NAME": prefix, "KEY_PREFIX": prefix}


@pytest.fixture
def store(replica_set: ReplicaSet, prefix: str) -> Iterator[MongoStore]:
    store = MongoStore(replica_set.url, prefix)
    yield store
    store.close()


def an_event(number: int) -> Event:
    return Event(b'{"_id":"%d","timestamp":%d}' % (number, number))


def held_by(member: MongoServer, db_name: str) -> int:
    """How many events this member has, whether or not the others have them too."""
    with pymongo.MongoClient[dict[str, object]](member.url, directConnection=True) as client:
        return client[db_name]["events"].count_documents({})


@contextmanager
def busy(url: str, db_name: str) -> Iterator[None]:
    """Somebody inserts all the while."""
    done = threading.Event()

    def insert() -> None:
        with pymongo.MongoClient[dict[str, object]](url, w=1) as client:
            while not done.is_set():
                client[db_name]["events"].insert_many([{"timestamp": 0} for _ in range(100)], ordered=False)

    with ThreadPoolExecutor() as threads:
        inserters = [threads.submit(insert) for _ in range(4)]
        time.sleep(1)
        try:
            yield
        finally:
            done.set()
        for inserter in inserters:
            inserter.result()


def failing_over(campaign: Campaign, replica_set: ReplicaSet, resumed_s: list[float]) -> Callable[[], None]:
    """The primary steps down and is killed, in turn; the campaign starts it again."""
    turns = cycle([replica_set.step_down, replica_set.kill_primary])

    def fail_over() -> None:
        until(campaign.drains(), timeout_s=FAIL_OVER_S)
        replica_set.wait_whole()
        began = time.monotonic()
        next(turns)()
        resumed_s.append(resume(campaign, began))

    return fail_over


def lose_the_primary(replica_set: ReplicaSet, environment: dict[str, str], folder: Path, module: str) -> Account:
    """The account after a primary alone has stored events and died, and has come back when there is another."""
    with Pipeline(folder, environment, workers=0) as pipeline:
        started_workers(pipeline, module, number=1)
        acknowledged = set(pipeline.send([{"timestamp": n} for n in range(20)]))
        pipeline.wait_settled()
        primary, others = replica_set.primary(), replica_set.secondaries()

        for other in others:
            other.kill()
        acknowledged |= set(pipeline.send([{"timestamp": n} for n in range(20, 40)]))
        until(lambda: held_by(primary, environment["DB_NAME"]) == 40, what="stored by the primary alone")
        if module == CARELESS:
            pipeline.wait_settled()
        primary.kill()
        for other in others:
            other.start()
        replica_set.primary()
        primary.start()
        replica_set.wait_whole()
        pipeline.wait_settled(timeout_s=FAIL_OVER_S)
        return account(pipeline, acknowledged)


def test_a_primary_that_steps_down_and_one_that_is_killed_under_load_cost_nothing(
    replica_set: ReplicaSet, environment: dict[str, str], tmp_path: Path
) -> None:
    resumed_s: list[float] = []
    with Pipeline(tmp_path, environment, workers=2) as pipeline:
        campaign = Campaign(pipeline, list(replica_set.members), **LOAD)

        campaign.run({"primary": failing_over(campaign, replica_set, resumed_s)}, times=2, pause_s=(0.5, 0.5))
        result = campaign.account()

    assert result == CLEAN
    assert only_accepted(campaign)
    assert max(resumed_s) <= FAIL_OVER_S


def test_events_that_only_a_lost_primary_had_are_stored_again_by_the_next(
    replica_set: ReplicaSet, environment: dict[str, str], tmp_path: Path
) -> None:
    assert lose_the_primary(replica_set, environment, tmp_path, "worker") == CLEAN


def test_positive_control_a_worker_that_takes_the_primarys_word_loses_them(
    replica_set: ReplicaSet, environment: dict[str, str], tmp_path: Path
) -> None:
    assert lose_the_primary(replica_set, environment, tmp_path, CARELESS).lost == 20


def test_an_event_that_only_the_primary_has_is_not_yet_a_duplicate(
    replica_set: ReplicaSet, store: MongoStore, prefix: str
) -> None:
    store.insert([an_event(1)])
    primary = replica_set.primary()
    for other in replica_set.secondaries():
        other.kill()

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(store.insert, [an_event(2)])
        until(lambda: held_by(primary, prefix) == 2)
        again = threads.submit(store.insert, [an_event(2)])
        errors = [first.exception(), again.exception()]

    assert [type(error) for error in errors] == [StoreUnavailable] * 2


def test_the_count_is_right_when_a_former_primary_is_elected_again(
    replica_set: ReplicaSet, store: MongoStore, prefix: str
) -> None:
    first, second = replica_set.primary(), replica_set.secondaries()[0]
    store.insert([an_event(number) for number in range(100)])
    assert store.count() == 100  # measured, and for certain

    replica_set.elect(second)
    with busy(replica_set.url, prefix):
        store.count()  # measured as well as may be, for there are more by the time they are counted
    replica_set.elect(first)

    assert store.insert([an_event(100)]) == [STORED]
    assert store.count() == store.count(float("-inf"))
