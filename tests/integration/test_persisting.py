"""What is persisted comes back, byte for byte; and no change is lost on the way, whatever dies or is held up."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from coinslot.errors import QueueUnavailable, StoreUnavailable
from coinslot.settings import Settings
from coinslot.stack.servers import RedisServer
from coinslot.store import open_store
from tests.counted import ANY_BITS, COUNTERS, OBJECTS, OTHER_BITS, Counted, Shelf, at, fail, fill, once


def test_what_was_persisted_comes_back_byte_for_byte(counted: Counted, tmp_path: Path) -> None:
    fill(counted)
    before = counted.dump()
    store = open_store(Settings.load(db_backend="sqlite", data_dir=tmp_path))
    place = store.place()

    counted.persister(place).run_once()
    counted.lose()
    counted.restore(place)()

    assert counted.is_ready()
    assert counted.dump() == before
    assert counted.marked() == set()
    store.close()


def test_a_round_keeps_what_has_changed_since_the_last_and_says_how_much(counted: Counted, shelf: Shelf) -> None:
    fill(counted)
    persister = counted.persister(shelf)
    persister.run_once()
    first, shelf.put_names = shelf.put_names, []
    kept = counted.figure("persisted")
    counted.put("default", "n:visit", 1, OTHER_BITS, OTHER_BITS, count=121)

    persister.run_once()
    second, shelf.put_names = shelf.put_names, []
    persister.run_once()

    assert (len(first), kept) == (OBJECTS, COUNTERS)
    assert len(second) == 1
    assert shelf.put_names == []
    assert counted.figure("persisted") == 0


def test_a_goal_is_kept_before_what_it_counts(counted: Counted, shelf: Shelf) -> None:
    for number in range(1, 30):
        counted.put("default", f"n:{number}", number, ANY_BITS)
    counted.put("default", "n:buy", 30, ANY_BITS, singles={"1": 1})
    counted.make_goal("default", "buy")
    counted.persister(shelf).run_once()
    order, (goals, buy) = shelf.put_names, shelf.put_names[:2]

    counted.mark("default", "n:buy")
    counted.persister(shelf).run_once()

    assert {goals.partition("/")[0], buy.partition("/")[0]} == {"goals", "counters"}
    assert shelf.put_names[-1] in order[:2]


def test_what_changes_while_it_is_kept_is_kept_again(counted: Counted, shelf: Shelf) -> None:
    counted.put("default", "n:visit", 1, ANY_BITS)
    shelf.before_put = once(lambda: counted.put("default", "n:visit", 1, OTHER_BITS, count=2))
    persister = counted.persister(shelf)

    persister.run_once()
    marked = counted.marked()
    persister.run_once()
    before = counted.dump()
    counted.lose()
    counted.restore(shelf)()

    assert marked == {("default", "n:visit")}
    assert counted.dump() == before


@pytest.mark.parametrize("dies_at", range(1, OBJECTS + 1))
def test_what_a_round_that_was_broken_off_has_left_is_kept_by_the_next(
    dies_at: int, counted: Counted, shelf: Shelf
) -> None:
    fill(counted)
    before = counted.dump()
    shelf.before_put = at(dies_at, fail)

    with pytest.raises(StoreUnavailable):
        counted.persister(shelf).run_once()
    counted.persister(shelf).run_once()
    counted.lose()
    counted.restore(shelf)()

    assert counted.dump() == before


def test_a_worker_that_dies_keeps_others_from_it_until_its_lease_ends(counted: Counted, shelf: Shelf) -> None:
    fill(counted)
    before = counted.dump()
    died = threading.Event()

    def die() -> None:
        died.set()
        threading.Event().wait()

    shelf.before_put = at(4, die)
    threading.Thread(target=counted.persister(shelf).run_once, daemon=True).start()
    died.wait(5)
    other = counted.persister(shelf)

    while_it_is_held = other.run_once()
    counted.end_lease("persister")
    afterwards = other.run_once()
    counted.lose()
    counted.restore(shelf)()

    assert (while_it_is_held, afterwards) == (False, True)
    assert counted.dump() == before


def test_a_worker_that_was_frozen_and_overwrites_what_is_younger_marks_it_again(counted: Counted, shelf: Shelf) -> None:
    counted.put("default", "n:visit", 1, ANY_BITS)
    frozen, other = counted.persister(shelf), counted.persister(shelf)

    def meanwhile() -> None:
        counted.end_lease("persister")
        counted.put("default", "n:visit", 1, OTHER_BITS, count=2)
        other.run_once()

    shelf.before_put = once(meanwhile)
    with pytest.raises(QueueUnavailable, match="held up for too long"):
        frozen.run_once()
    other.run_once()
    before = counted.dump()
    counted.lose()
    counted.restore(shelf)()

    assert counted.dump() == before


def test_two_at_once_do_not_do_the_same(counted: Counted, shelf: Shelf) -> None:
    fill(counted)
    others: list[bool] = []
    shelf.before_put = lambda _: others.append(counted.persister(shelf).run_once())

    done = counted.persister(shelf).run_once()

    assert done
    assert set(others) == {False}
    assert len(shelf.put_names) == len(set(shelf.put_names)) == OBJECTS


def test_a_filter_that_grows_between_two_looks_is_read_whole(counted: Counted, shelf: Shelf) -> None:
    counted.put("default", "n:visit", 1, ANY_BITS)
    counted.persister(shelf).run_once()
    counted.mark("default", "n:visit")
    first_look = 2  # the place's identity is asked for before
    meddled = counted.meddled("hget", first_look, lambda: counted.put("default", "n:visit", 1, ANY_BITS, OTHER_BITS))

    meddled.persister(shelf).run_once()
    before = counted.dump()
    counted.lose()
    counted.restore(shelf)()

    assert counted.key("bits", 1, 2) in before
    assert counted.dump() == before


def test_nothing_is_kept_of_counters_that_are_not_ready(counted: Counted, shelf: Shelf) -> None:
    fill(counted)
    counted.persister(shelf).run_once()
    kept = dict(shelf.objects)
    counted.put("default", "n:visit", 1, b"half of it")
    shelf.before_put = once(lambda: counted.redis.hdel(counted.keys.counted, "epoch"))
    counted.make_goal("another", "buy")

    with pytest.raises(QueueUnavailable, match="lost the counters"):
        counted.persister(shelf).run_once()

    assert {name: shelf.objects[name] for name in kept} == kept


class TestAnotherPlace:
    def test_is_given_all_there_is(self, counted: Counted, shelf: Shelf) -> None:
        fill(counted)
        counted.persister(shelf).run_once()
        before, other = counted.dump(), Shelf()

        counted.persister(other).run_once()
        counted.lose()
        counted.restore(other)()

        assert counted.dump() == before

    def test_that_was_left_for_another_is_not_taken_for_up_to_date(self, counted: Counted, shelf: Shelf) -> None:
        counted.put("default", "n:visit", 1, ANY_BITS)
        counted.persister(shelf).run_once()
        counted.put("default", "n:visit", 1, OTHER_BITS, count=2)
        counted.persister(Shelf()).run_once()
        before = counted.dump()

        counted.persister(shelf).run_once()
        counted.lose()
        counted.restore(shelf)()

        assert counted.dump() == before

    def test_that_it_was_restored_from_is_the_same(self, counted: Counted, shelf: Shelf) -> None:
        fill(counted)
        counted.persister(shelf).run_once()
        counted.lose()
        counted.restore(shelf)()
        shelf.put_names.clear()

        counted.persister(shelf).run_once()

        assert shelf.put_names == []


class TestTrouble:
    def test_a_place_that_is_away_is_waited_for_and_told_of_once(
        self, counted: Counted, shelf: Shelf, caplog: pytest.LogCaptureFixture
    ) -> None:
        fill(counted)
        shelf.away = True
        rounds = iter(range(1, 6))

        def pause(seconds: float) -> bool:
            shelf.away = next(rounds) < 4
            return not shelf.away and bool(shelf.objects)

        persister = counted.persister(shelf, pause)
        persister.start()
        persister.finish()

        assert [record.message for record in caplog.records if record.name == "coinslot.worker.persister"] == [
            "counters are neither restored nor persisted until this is over: the shelf is away",
            "counters are persisted again",
        ]
        assert len(shelf.objects) == OBJECTS

    def test_redis_that_is_away_is_waited_for(
        self, redis_of_its_own: RedisServer, shelf: Shelf, caplog: pytest.LogCaptureFixture
    ) -> None:
        counted = Counted(redis_of_its_own.url, "a").begin()
        fill(counted)
        redis_of_its_own.kill()
        rounds = iter(range(1, 6))

        def pause(seconds: float) -> bool:
            if next(rounds) == 2:
                redis_of_its_own.start()
                redis_of_its_own.wait_ready()
            return bool(shelf.objects)

        persister = counted.persister(shelf, pause)
        persister.start()
        persister.finish(20)

        assert len(shelf.objects) == OBJECTS
        assert len(caplog.records) == 2


class TestTheEnd:
    def test_what_has_changed_since_the_last_round_is_kept(self, counted: Counted, shelf: Shelf) -> None:
        stop = threading.Event()
        persister = counted.persister(shelf, stop.wait)
        persister.start()
        stop.set()
        fill(counted)

        persister.finish()

        assert counted.marked() == set()
        assert len(shelf.objects) == OBJECTS

    def test_another_worker_that_is_at_it_is_waited_for(self, counted: Counted, shelf: Shelf) -> None:
        """Its round may have begun before what this one has counted last."""
        at_it, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            at_it.set()
            go_on.wait(5)

        counted.put("default", "n:first", 1, ANY_BITS)
        shelf.before_put = once(hold)
        other = threading.Thread(target=counted.persister(shelf).run_once)
        other.start()
        at_it.wait(5)
        counted.put("default", "n:last", 2, ANY_BITS)
        threading.Timer(0.1, go_on.set).start()

        counted.persister(shelf).finish()
        other.join()

        assert counted.marked() == set()
        assert len(shelf.objects) == 2

    def test_a_place_that_hangs_keeps_no_worker_from_ending(
        self, counted: Counted, shelf: Shelf, caplog: pytest.LogCaptureFixture
    ) -> None:
        fill(counted)
        hanging = threading.Event()
        shelf.before_put = lambda _: hanging.wait()

        counted.persister(shelf).finish(0.1)
        told, marked = [record.message for record in caplog.records], counted.marked()
        hanging.set()

        assert told == ["the counters could not be persisted within 0.1 s; what is left stays in Redis"]
        assert len(marked) == OBJECTS
