"""The limit in lua/settle.lua: so many dead and no more, before somebody has looked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from coinslot.errors import Halted
from coinslot.events import Dead
from coinslot.halt import Halt
from coinslot.queue import Consumer
from coinslot.settings import Settings
from coinslot.stack.servers import RedisServer
from coinslot.store import STORED
from tests.bench import Bench
from worker.settlement import dead_message, tally

WHY = "at least {} events died of late, more than DEAD_MAX_SHARE=0.1 allows"
LAST = "; the last one: too odd"


@pytest.fixture
def bench(redis_url: str, prefix: str) -> Iterator[Bench]:
    """Where nothing is taken over, however slow the machine: the messages of a halt stay pending."""
    bench = Bench(Settings.load(redis_url=redis_url, key_prefix=prefix))
    yield bench
    bench.close()


@pytest.fixture
def halt(bench: Bench) -> Halt:
    return Halt(bench.redis, bench.keys)


@pytest.fixture
def consumer(bench: Bench) -> Consumer:
    return bench.consumer()


def body(events: int) -> bytes:
    return json.dumps([{"_id": str(n), "timestamp": n} for n in range(events)]).encode()


def settle(bench: Bench, consumer: Consumer, events: int, dead: int, share: float = 0.1, *, whole: bool = False) -> int:
    """One more message of so many events, so many of which die, or all with it; 0 or 1 messages were settled."""
    bench.publish(body(events), events)
    (commit,) = bench.read(consumer)
    outcomes = [Dead("too odd")] * dead + [STORED] * (events - dead)
    settled = dead_message(commit, "unreadable") if whole else tally(commit, outcomes, tried=False)
    return bench.settle(consumer, [settled], dead_max_share=share)


def test_one_in_a_hundred_that_dies_halts_nobody(bench: Bench, halt: Halt, consumer: Consumer) -> None:
    settled = [settle(bench, consumer, 500, 5) for _ in range(60)]

    halt.check()
    audit = bench.audit()
    assert settled == [1] * 60
    assert (audit.accepted, audit.dead, audit.halted, audit.faults) == (30_000, 300, "", [])


def test_positive_control_one_in_five_halts(bench: Bench, halt: Halt, consumer: Consumer) -> None:
    with pytest.raises(Halted):
        for _ in range(60):
            settle(bench, consumer, 500, 100)

    with pytest.raises(Halted):
        halt.check()


def test_of_a_batch_that_breaks_the_limit_nothing_is_settled_and_the_mark_says_how_many_died_and_why(
    bench: Bench, halt: Halt, consumer: Consumer
) -> None:
    settle(bench, consumer, 900, 0)

    why = WHY.format(101)

    with pytest.raises(Halted, match=f"^{re.escape(why + LAST)}$"):
        settle(bench, consumer, 101, 101)

    with pytest.raises(Halted, match=f"^halted: {re.escape(why)}$"):
        halt.check()
    audit = bench.audit()
    assert audit.halted == why + LAST
    assert (audit.stored, audit.dead, audit.queued, audit.dead_letters, audit.faults) == (900, 0, 101, 0, [])
    assert len(bench.fed()) == 900


def test_while_halted_nobody_settles_anything_and_once_resumed_all_goes_on(
    bench: Bench, halt: Halt, consumer: Consumer
) -> None:
    with pytest.raises(Halted):
        settle(bench, consumer, 100, 100)
    with pytest.raises(Halted):
        settle(bench, bench.consumer(), 5, 0)

    resumed = [halt.resume(), halt.resume()]

    halt.check()
    assert resumed == [True, False]
    assert settle(bench, consumer, 5, 0) == 1
    assert bench.audit().halted == ""


def test_one_who_resumes_may_let_about_a_thousand_more_die_and_then_it_halts_again(
    bench: Bench, halt: Halt, consumer: Consumer
) -> None:
    halt.resume()
    settle(bench, consumer, 1000, 1000)

    with pytest.raises(Halted):
        settle(bench, consumer, 1000, 1000)

    audit = bench.audit()
    assert audit.dead == 1000
    assert audit.halted == WHY.format(1500) + LAST


def test_fewer_than_a_hundred_halt_nobody_even_if_nothing_else_comes(
    bench: Bench, halt: Halt, consumer: Consumer
) -> None:
    assert settle(bench, consumer, 99, 99) == 1

    with pytest.raises(Halted):
        settle(bench, consumer, 1, 1)


def test_one_or_two_messages_that_die_whole_halt_nobody_and_a_third_does(
    bench: Bench, halt: Halt, consumer: Consumer
) -> None:
    settled = [settle(bench, consumer, 20_000, 20_000, whole=True) for _ in range(2)]

    with pytest.raises(Halted):
        settle(bench, consumer, 20_000, 20_000, whole=True)

    assert settled == [1, 1]


def test_what_went_well_long_ago_does_not_make_up_for_what_dies_now(
    bench: Bench, halt: Halt, consumer: Consumer
) -> None:
    for _ in range(100):
        settle(bench, consumer, 1000, 0)

    with pytest.raises(Halted):
        for _ in range(15):
            settle(bench, consumer, 100, 100)

    assert 500 <= bench.audit().dead <= 1100


@pytest.mark.parametrize(("share", "dead"), [(1, 1000), (0.5, 500)])
def test_a_share_is_what_may_die_and_one_is_never(
    bench: Bench, halt: Halt, consumer: Consumer, share: float, dead: int
) -> None:
    settled = [settle(bench, consumer, 1000, dead, share) for _ in range(15)]

    assert settled == [1] * 15


def test_what_is_replayed_and_dies_again_halts_nobody(bench: Bench, halt: Halt, consumer: Consumer) -> None:
    for _ in range(5):
        bench.publish(body(1000), 1000, True)
        (commit,) = bench.read(consumer)
        bench.settle(consumer, [tally(commit, [Dead("still odd")] * 1000, tried=True)])

    halt.check()
    assert bench.audit().dead == 5000


def test_what_another_has_taken_over_is_not_counted(bench: Bench, halt: Halt, consumer: Consumer) -> None:
    bench.publish(body(500), 500)
    (commit,) = bench.read(consumer)
    settled = [tally(commit, [Dead("too odd")] * 500, tried=False)]

    mine = bench.settle(bench.consumer(), settled)

    halt.check()
    assert mine == 0


def test_a_full_redis_can_be_halted_and_resumed(redis_of_its_own: RedisServer, prefix: str) -> None:
    bench = Bench(Settings.load(redis_url=redis_of_its_own.url, key_prefix=prefix))
    halt, consumer = Halt(bench.redis, bench.keys), bench.consumer()
    bench.publish(body(200), 200)
    (commit,) = bench.read(consumer)
    bench.redis.config_set("maxmemory", 1)

    with pytest.raises(Halted):
        bench.settle(consumer, [tally(commit, [Dead("too odd")] * 200, tried=False)])
    resumed = halt.resume()

    assert resumed
    assert bench.settle(consumer, []) == 0
    bench.close()
