"""lua/count.lua on a real Redis: in the order of arrival, by the owner, and once, whoever dies meanwhile."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from coinslot.stack.servers import RedisServer
from tests.analytics.counting import UNORDERED, Counted, Event, event, shown
from tests.analytics.reference import Reference
from tests.analytics.walks import GOALS, walk
from tests.pipeline import until
from worker.counting.piece import PIECE_EVENTS

Make = Callable[..., Counted]

FOREVER = 1_000_000  # deliveries


@pytest.fixture
def make(redis_url: str, prefix: str) -> Iterator[Make]:
    made: list[Counted] = []

    def make(**settings: Any) -> Counted:
        made.append(Counted(**{"redis_url": redis_url, "key_prefix": prefix, **settings}))
        return made[-1]

    yield make
    for each in made:
        each.close()


def crowd(number: int, name: str = "visit") -> list[Event]:
    return [event(f"user {n}", name) for n in range(number)]


def assert_counted(counted: Counted, events: list[Any], goals: tuple[str, ...] = GOALS) -> None:
    assert shown(counted.namespace()) == Reference(goals=goals).count(events).namespace()


# Order


def test_a_message_waits_for_an_older_one_that_another_worker_holds(make: Make) -> None:
    counted = make(claim_idle_s=30)
    counted.put(event("ann", "visit"))
    holder = counted.holder()
    counted.put(event("ann", "buy", ensure_goal=True))
    loop = counted.loop()

    early = [loop.run_once() for _ in range(3)]
    counted_early = counted.namespace().counters
    holder.close()  # which hands the older one back
    counted.drain(loop)

    assert early == [0, 0, 0]
    assert counted_early == ()
    assert counted.named("buy").sets == {("visit",): 1}


def test_an_older_message_is_taken_over_from_a_dead_worker_and_counted_first(make: Make) -> None:
    counted = make()
    counted.put(event("ann", "visit"))
    counted.holder()
    counted.put(event("ann", "buy", ensure_goal=True))

    counted.drain(counted.loop())

    assert counted.named("buy").sets == {("visit",): 1}


def test_positive_control_without_the_order_a_goal_is_counted_before_what_led_to_it(make: Make) -> None:
    counted = make(claim_idle_s=30)
    counted.put(event("ann", "visit"))
    holder = counted.holder()
    counted.put(event("ann", "buy", ensure_goal=True))
    loop = counted.loop(UNORDERED)

    loop.run_once()
    holder.close()
    counted.drain(loop)

    assert counted.named("buy").sets == {(): 1}


@pytest.mark.parametrize("seed", range(3))
def test_workers_that_keep_taking_messages_from_one_another_count_as_one_would(make: Make, seed: int) -> None:
    events = walk(seed, events=3000, users=60)
    counted = make(claim_idle_s=0.001, claim_every_s=0.001, max_deliveries=FOREVER)
    for goal in GOALS:
        counted.counters.make_goal("default", goal)
    counted.put_all(events[:800], 5, least=1)
    counted.put_all(events[800:], 2 * PIECE_EVENTS)

    counted.drain_at_random([counted.loop() for _ in range(4)], seed)

    assert_counted(counted, events)
    assert counted.ledger()["stored"] == len(events)


# Fencing and redelivery


def test_a_worker_whose_message_was_taken_over_changes_nothing(make: Make) -> None:
    counted = make()
    counted.put(*crowd(PIECE_EVENTS + 100))
    stale, heir = counted.loop(), counted.loop()
    stale.run_once()  # the first piece; it holds the other
    counted.drain(heir)
    before = counted.state()

    late = stale.run_once()

    assert late == 0
    assert counted.state() == before
    assert counted.ledger()["stored"] == PIECE_EVENTS + 100


def test_a_stale_worker_does_not_go_on_where_the_heir_has_begun_again(make: Make) -> None:
    events = [*crowd(PIECE_EVENTS), *crowd(PIECE_EVENTS, "buy")]
    counted = make()
    counted.counters.make_goal("default", "buy")
    counted.put(*events)
    stale, heir = counted.loop(), counted.loop()
    stale.run_once()
    while not heir.run_once():  # the first piece again, once it is idle for long enough
        pass

    late = stale.run_once()
    counted.drain(heir)

    assert late == 0
    assert_counted(counted, events, ("buy",))


@pytest.mark.parametrize("pieces", [0, 1, 2])
def test_a_message_that_is_cut_off_midway_and_counted_again_counts_once(make: Make, pieces: int) -> None:
    events = walk(1, events=3 * PIECE_EVENTS, users=300)
    counted = make()
    for goal in GOALS:
        counted.counters.make_goal("default", goal)
    counted.put(*events)
    dead, heir = counted.loop(), counted.loop()
    for _ in range(pieces):
        dead.run_once()

    counted.drain(heir)

    assert_counted(counted, events)
    assert counted.ledger() == {"accepted": len(events), "stored": len(events), "dead": 0, "settled_messages": 1,
                                "queued": 0, "queued_messages": 0}  # fmt: skip


def test_the_same_events_sent_again_change_no_number_but_the_ledgers(make: Make) -> None:
    events = walk(2, events=300, users=50)
    counted = make()
    once = counted.count(events)

    twice = counted.count(events)

    assert twice == once
    assert counted.ledger()["stored"] == 2 * len(events)


def test_the_ledger_balances_at_every_moment(make: Make) -> None:
    counted = make(counters_max=4)
    for each in range(3):
        counted.put(*walk(each, events=PIECE_EVENTS + 50, users=20))
    counted.put_raw(b"no JSON", 7)
    loop = counted.loop()

    while counted.queued():
        loop.run_once()
        counted.ledger()

    assert counted.ledger()["dead"] == 7 + len(counted.letters()) - 1


def test_a_step_that_would_hold_redis_up_is_taken_in_parts(make: Make) -> None:
    names = [f"page {n}" for n in range(100)]
    events = [event("ann", name) for name in names] + crowd(PIECE_EVENTS - len(names), "buy")
    counted = make(counters=[{"size": 1000}])
    counted.counters.make_goal("default", "buy")
    counted.put(*events)
    loop, steps = counted.loop(), []

    while counted.queued():
        steps.append(loop.run_once())

    assert steps == [0, 0, 0, 1]
    assert_counted(counted, events, ("buy",))


def test_a_full_redis_is_counted_empty(make: Make, redis_of_its_own: RedisServer) -> None:
    events = walk(1, events=2 * PIECE_EVENTS, users=100)
    counted = make(redis_url=redis_of_its_own.url, counters=[{"size": 20}])
    counted.put_all(events, 30)
    counted.put_raw(b"no JSON")
    loop = counted.loop()
    loop.run_once()
    counted.redis.config_set("maxmemory", 1)

    counted.drain(loop)

    assert shown(counted.namespace()).users() == 100
    assert counted.ledger()["dead"] == len(counted.letters()) == 1


# Dead letters


def test_a_message_that_cannot_be_read_is_a_dead_letter_and_holds_nothing_up(make: Make) -> None:
    counted = make()
    counted.put_raw(b"\xff no JSON", 3)

    counted.count([event("ann", "visit")])

    ((payload, reason, events),) = counted.letters()
    assert (payload, events) == (b"\xff no JSON", 3)
    assert reason.startswith("message cannot be read: ")
    assert counted.named("visit").count == 1


def test_a_day_that_has_no_week_is_a_dead_letter(make: Make) -> None:
    counted = make(counters=[{"date_cohort": "weekly"}])
    counted.put(event("ann", "visit", datetime="0001-01-01T00:00:00+01:00"))

    counted.drain(counted.loop())

    assert len(counted.letters()) == 1


def test_a_message_that_was_delivered_too_often_is_a_dead_letter_unread(make: Make) -> None:
    counted = make(max_deliveries=2)
    counted.put(event("ann", "visit"))
    for _ in range(2):
        counted.holder()

    counted.drain(counted.loop())

    assert counted.letters() == [
        (b'[{"user_id":"ann","event_name":"visit"}]', "delivered 3 times and never settled", 1)
    ]
    assert counted.namespace().counters == ()


def test_events_that_need_a_counter_too_many_are_dead_letters_and_the_rest_is_counted(make: Make) -> None:
    counted = make(counters_max=3)

    counted.count([event("ann", "one"), event("ann", "two"), event("ann", "three"), event("bob", "one")])

    assert counted.letters() == [
        (b'{"user_id":"ann","event_name":"three"}', "there are as many counters as COUNTERS_MAX allows", 1)
    ]
    assert {name: counter.count for name, counter in counted.namespace().named().items()} == {"one": 2, "two": 1}
    assert (counted.ledger()["stored"], counted.ledger()["dead"]) == (3, 1)
    assert counted.counters.known() == 3


@pytest.mark.parametrize("pieces", [0, 1])
def test_of_a_long_message_each_event_that_dies_is_one_dead_letter_wherever_it_is_cut_off(
    make: Make, pieces: int
) -> None:
    counted = make(counters_max=2)
    counted.put(*crowd(PIECE_EVENTS), event("ann", "two"), *crowd(2 * PIECE_EVENTS), event("ann", "three"))
    dead, heir = counted.loop(), counted.loop()
    for _ in range(pieces):
        dead.run_once()

    counted.drain(heir)

    assert [payload for payload, _, _ in counted.letters()] == [
        b'{"user_id":"ann","event_name":"two"}',
        b'{"user_id":"ann","event_name":"three"}',
    ]
    assert counted.ledger()["dead"] == 2
    assert counted.named("visit").count == 2 * PIECE_EVENTS


# Without an epoch, and without what Redis knew


def test_without_an_epoch_nothing_is_counted(make: Make) -> None:
    counted, restored = make(), []
    counted.redis.hdel(counted.keys.counted, "epoch")
    counted.restore = lambda: restored.append(counted.state())
    counted.put(event("ann", "visit"))
    loop = counted.loop()
    before = counted.state()

    steps = [loop.run_once(), loop.run_once()]
    counted.begin()
    counted.drain(loop)

    assert steps == [0, 0]
    assert restored == [before, before]
    assert counted.named("visit").count == 1


def test_what_waits_for_an_epoch_is_not_dead_for_being_delivered_often(make: Make) -> None:
    counted = make(max_deliveries=2)
    counted.redis.hdel(counted.keys.counted, "epoch")
    asked: list[int] = []
    counted.restore = lambda: asked.append(1)
    counted.put(event("ann", "visit"))
    for waiters in range(3):
        waiting = counted.loop()
        until(lambda: waiting.run_once() or len(asked) > waiters)  # noqa: B023
    counted.begin()

    counted.drain(counted.loop())

    assert counted.letters() == []
    assert counted.named("visit").count == 1


def test_a_worker_that_holds_messages_goes_on_when_redis_was_emptied(make: Make) -> None:
    counted = make()
    counted.put(*crowd(2 * PIECE_EVENTS))
    loop = counted.loop()
    loop.run_once()
    counted.forget()

    for _ in range(3):
        loop.run_once()
    counted.put(event("ann", "buy"))
    counted.drain(loop)

    assert [counter.name for counter in counted.namespace().counters] == ["global_counter", "buy"]


# What is counted


@pytest.mark.parametrize("seed", [5, 6])
def test_users_sums_goals_and_weeks_are_those_of_the_exact_reference(make: Make, seed: int) -> None:
    chance = random.Random(seed)
    counted = make(counters=[{"pattern": "^visit:docs$", "date_cohort": "weekly"}])
    events = walk(seed, events=1500, users=60)
    for each in events:
        if chance.random() < 0.02:
            each["ensure_goal"] = True  # whatever it is, and from now on
        each["datetime"] = f"2026-{chance.randrange(1, 3):02}-{chance.randrange(1, 29):02}T23:30:00-01:00"

    counted.put_all(events[:700], 50)
    counted.drain(counted.loop())
    counted.put_all(events[700:], PIECE_EVENTS + 200)
    counted.drain(counted.loop())

    assert shown(counted.namespace()) == Reference(weekly=["visit:docs"]).count(events).namespace()


def test_a_goal_made_by_hand_is_reached_by_those_who_come_later(make: Make) -> None:
    counted = make()
    counted.count([event("ann", "buy"), event("bob", "visit")])
    counted.counters.make_goal("default", "buy")

    counted.count([event("ann", "buy"), event("bob", "buy"), event("eve", "buy")])

    assert counted.namespace().goals == ("buy",)
    assert (counted.named("buy").count, counted.named("buy").sets) == (3, {("visit",): 1, (): 1})


def test_weeks_go_by_when_the_message_came_where_the_event_does_not_say(make: Make) -> None:
    counted = make(counters=[{"date_cohort": "weekly"}])
    counted.redis.xgroup_create(counted.keys.analytics, "workers", mkstream=True)
    in_2024 = {"body": b'[{"user_id":"ann","event_name":"visit"}]', "events": 1, "meta": b"{}"}
    counted.redis.xadd(counted.keys.analytics, in_2024, id="1704067200000-0")

    counted.drain(counted.loop())

    assert [(of.year, of.week, of.count) for of in counted.namespace().counters if of.kind == "weekly"] == [
        (2024, 1, 1)
    ]


def test_namespaces_know_nothing_of_one_another(make: Make) -> None:
    counted = make()

    counted.count([event("ann", "visit"), event("ann", "buy", namespace="shop", ensure_goal=True)])

    assert counted.counters.namespaces() == ["default", "shop"]
    assert counted.namespace("shop").named()["buy"].sets == {(): 1}
    assert counted.counters.events_of("default", "ann") == ["visit"]


# Filters


def test_a_scalable_filter_grows_within_one_step(make: Make) -> None:
    counted = make(counters=[{"size": 50}])
    users = crowd(PIECE_EVENTS)
    counted.put(*users)

    steps = counted.loop().run_once()

    visit = counted.named("visit")
    assert (steps, counted.queued()) == (1, 0)
    assert visit.capacity == 50 + 100 + 200 + 400
    assert visit.count == visit.kept == PIECE_EVENTS
    assert all(counted.counters.events_of("default", each["user_id"]) == ["visit"] for each in users)


@pytest.mark.parametrize("users", [2000, 4000, 7000])
def test_a_fixed_filter_beyond_its_capacity_still_tells_how_many_there_were(make: Make, users: int) -> None:
    counted = make(counters=[{"type": "bloom_fixed_size", "size": 2000, "error_probability": 0.01}])

    counted.put_all(crowd(users), PIECE_EVENTS)
    counted.drain(counted.loop())

    assert counted.named("visit").count == pytest.approx(users, rel=0.03)
    assert not counted.named("visit").saturated


@pytest.mark.parametrize("size", [1, 100, 1000])
def test_a_fixed_filter_is_saturated_in_the_end_and_takes_nobody_any_more(make: Make, size: int) -> None:
    small = {"pattern": "visit", "type": "bloom_fixed_size", "size": size, "error_probability": 0.01}
    counted = make(counters=[small])
    counted.put_all(crowd(20 * size + 500), PIECE_EVENTS)
    counted.drain(counted.loop())
    full = counted.named("visit")

    counted.count([event(f"late {n}", "visit") for n in range(100)])

    assert full.saturated
    assert size < full.count <= 20 * size + 500
    assert counted.named("visit") == full
    assert counted.namespace().users() == 20 * size + 600  # for that is another filter's to tell


# Banking


def test_with_banking_the_events_are_in_the_other_queue_as_soon_as_they_are_counted(make: Make) -> None:
    counted = make(bank_analytics=True)
    counted.put(event("ann", "visit", page=1), event("bob", "visit", timestamp=5))

    counted.loop().run_once()

    banked = counted.banked()
    assert [(each["user_id"], each["event_name"]) for each in banked] == [("ann", "visit"), ("bob", "visit")]
    assert (banked[0]["page"], banked[1]["timestamp"]) == (1, 5)
    assert {"_id", "timestamp"} <= banked[0].keys()
    assert counted.ledger_of_events() == {"accepted": 2, "queued": 2, "queued_messages": 1}


def test_with_banking_a_message_that_is_counted_again_is_banked_once(make: Make) -> None:
    counted = make(bank_analytics=True)
    events = crowd(2 * PIECE_EVENTS)
    counted.put(*events)
    stale, heir = counted.loop(), counted.loop()
    stale.run_once()
    counted.drain(heir)

    stale.run_once()

    assert [each["user_id"] for each in counted.banked()] == [each["user_id"] for each in events]
    assert counted.ledger_of_events()["accepted"] == len(events)


def test_with_banking_an_event_as_large_as_may_be_is_banked(make: Make) -> None:
    counted = make(bank_analytics=True, max_event_bytes=1024)
    largest = event("ø" * 400, "")
    room = 1024 - len(msgspec.json.encode(largest))
    counted.put({**largest, "event_name": "x" * room})

    counted.drain(counted.loop())

    assert [each["event_name"] for each in counted.banked()] == ["x" * room]


@pytest.mark.parametrize("body", [b"no JSON", b'[{"user_id":1}]'])
def test_with_banking_what_cannot_be_counted_is_not_banked(make: Make, body: bytes) -> None:
    counted = make(bank_analytics=True)
    counted.put_raw(body)

    counted.drain(counted.loop())

    assert len(counted.letters()) == 1
    assert counted.banked() == []
