"""Restoring: all or nothing, by one process at a time, and never from zero while there may be something."""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec
import pytest

from coinslot.analytics import snapshot
from coinslot.analytics.record import Layer, Record
from coinslot.analytics.snapshot import FORMAT, CounterSnapshot
from coinslot.errors import QueueUnavailable, SnapshotDamaged, StoreUnavailable
from tests.counted import ANY_BITS, COUNTERS, OBJECTS, OTHER_BITS, Counted, Shelf, at, fail, fill, once


@pytest.fixture
def lost(counted: Counted, shelf: Shelf) -> dict[str, object]:
    """What there was before Redis lost it; all of it is on the shelf."""
    fill(counted)
    counted.persister(shelf).run_once()
    before = counted.dump()
    counted.lose()
    return before


def a_counter(*layers: bytes) -> CounterSnapshot:
    """One that should have one layer, and was not persisted."""
    layer = Layer(m=2048, block_bits=8, k=3, capacity=100, kept=1, bits=3)
    kept = Record(number=9, count=1, scalable=False, error=0.1, layers=[layer])
    return CounterSnapshot("default", "n:another", msgspec.msgpack.encode(kept), layers, {}, {}, 9)


def counter_on(shelf: Shelf, field: str) -> tuple[str, CounterSnapshot]:
    for name, content in shelf.objects.items():
        unpacked = snapshot.unpack(name, content)
        if isinstance(unpacked, CounterSnapshot) and unpacked.field == field:
            return name, unpacked
    raise AssertionError(field)


def test_where_nothing_was_persisted_counting_begins_from_zero(counted: Counted, shelf: Shelf) -> None:
    counted.lose()

    counted.restore(shelf)()

    assert counted.is_ready()
    assert (counted.figure("counters"), counted.figure("last_number")) == (0, 0)


def test_counters_that_are_there_are_left_as_they_are(counted: Counted, shelf: Shelf) -> None:
    fill(counted)
    counted.persister(shelf).run_once()
    counted.put("default", "n:visit", 1, OTHER_BITS)
    before, shelf.away = counted.dump(), True

    counted.restore(shelf)()

    assert counted.dump() == before


def test_the_persister_restores_also_where_there_is_nothing_to_count(
    counted: Counted, shelf: Shelf, lost: dict[str, object]
) -> None:
    counted.persister(shelf).run_once()

    assert counted.is_ready()
    assert counted.dump() == lost
    assert counted.figure("counters") == COUNTERS


def test_nothing_begins_while_the_place_cannot_be_read(counted: Counted, shelf: Shelf, lost: dict[str, object]) -> None:
    shelf.away = True

    with pytest.raises(StoreUnavailable):
        counted.restore(shelf)()
    ready = counted.is_ready()
    shelf.away = False
    counted.restore(shelf)()

    assert not ready
    assert counted.dump() == lost


@pytest.mark.parametrize("dies_at", range(1, OBJECTS + 1))
def test_a_restoring_that_was_broken_off_begins_anew(
    dies_at: int, counted: Counted, shelf: Shelf, lost: dict[str, object]
) -> None:
    shelf.before_get = at(dies_at, fail)

    with pytest.raises(StoreUnavailable):
        counted.restore(shelf)()
    ready = counted.is_ready()
    counted.put("default", "n:not on the shelf", 99, ANY_BITS, OTHER_BITS, singles={"1": 1}, sets={"1": 1})
    counted.restore(shelf)()

    assert not ready
    assert counted.dump() == lost


def test_of_two_at_once_one_restores_and_the_other_waits(
    counted: Counted, shelf: Shelf, lost: dict[str, object]
) -> None:
    waits: list[float] = []
    got: list[str] = []

    def other_tries(name: str) -> None:
        got.append(name)
        counted.restore(shelf, waits.append)()

    shelf.before_get = other_tries
    counted.restore(shelf, waits.append)()

    assert len(waits) == len(got) == OBJECTS
    assert counted.dump() == lost


def test_many_at_once(counted: Counted, shelf: Shelf, lost: dict[str, object]) -> None:
    def bring_up() -> None:
        while not counted.is_ready():
            counted.restore(shelf)()

    threads = [threading.Thread(target=bring_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counted.dump() == lost


def test_one_that_was_frozen_and_wakes_late_changes_nothing(
    counted: Counted, shelf: Shelf, lost: dict[str, object]
) -> None:
    def meanwhile() -> None:
        counted.end_lease("restorer")
        counted.restore(shelf)()
        counted.put("default", "n:visit", 1, OTHER_BITS, OTHER_BITS, count=121)

    shelf.before_get = once(meanwhile)

    with pytest.raises(QueueUnavailable, match="held up for too long"):
        counted.restore(shelf)()

    assert counted.redis.get(counted.key("bits", 1, 1)) == OTHER_BITS
    assert counted.figure("counters") == COUNTERS


def test_one_that_hears_late_that_others_have_restored_changes_nothing(
    counted: Counted, shelf: Shelf, lost: dict[str, object]
) -> None:
    def meanwhile() -> None:
        counted.restore(shelf)()
        counted.put("default", "n:visit", 1, OTHER_BITS, OTHER_BITS, count=121)

    counted.meddled("hexists", 1, meanwhile).restore(shelf)()

    assert counted.redis.get(counted.key("bits", 1, 1)) == OTHER_BITS


def test_goals_that_were_made_meanwhile_are_kept(counted: Counted, shelf: Shelf, lost: dict[str, object]) -> None:
    counted.make_goal("default", "made meanwhile")

    counted.restore(shelf)()

    goals = counted.redis.smembers(counted.key("goals", "default"))
    assert {b"buy", b"made meanwhile"} < goals
    assert counted.marked() == {("default",)}


def test_a_number_is_never_given_again_that_a_goal_knows(counted: Counted, shelf: Shelf) -> None:
    """As when the worker was killed before it had kept the counter that the goal knows."""
    counted.put("default", "n:buy", 1, ANY_BITS, singles={"7": 1})
    counted.make_goal("default", "buy")
    counted.put("default", "n:visit", 7, ANY_BITS)
    shelf.before_put = at(3, fail)  # goals come first
    with pytest.raises(StoreUnavailable):
        counted.persister(shelf).run_once()
    counted.lose()

    counted.restore(shelf)()

    assert counted.redis.hkeys(counted.key("counters", "default")) == [b"n:buy"]
    assert counted.figure("last_number") == 7


class TestDamage:
    @pytest.mark.parametrize(
        ("damage", "told"),
        [
            pytest.param(lambda content: content[:-1], "ended before", id="cut short"),
            pytest.param(lambda content: content[:60] + b"?" + content[61:], "cannot be read", id="a byte is another"),
            pytest.param(lambda content: b"", FORMAT.decode().strip(), id="empty"),
            pytest.param(lambda content: content.replace(b" 1\n", b" 2\n", 1), "does not begin", id="a later format"),
            pytest.param(lambda content: snapshot.pack(a_counter(ANY_BITS)), "of another name", id="another counter's"),
            pytest.param(lambda content: snapshot.pack(a_counter()), "its filter", id="without its filter"),
        ],
    )
    def test_stops_it_with_the_object_named_until_that_is_moved_away(
        self,
        damage: Callable[[bytes], bytes],
        told: str,
        counted: Counted,
        shelf: Shelf,
        lost: dict[str, object],
    ) -> None:
        name, _ = counter_on(shelf, "n:visit")
        shelf.objects[name] = damage(shelf.objects[name])

        with pytest.raises(SnapshotDamaged, match=told) as raised:
            counted.restore(shelf)()
        ready = counted.is_ready()
        shelf.objects[f"moved/{name}"] = shelf.objects.pop(name)
        counted.restore(shelf)()

        assert name in str(raised.value)
        assert not ready
        assert counted.is_ready()
        assert b"n:visit" not in counted.redis.hkeys(counted.key("counters", "default"))
        assert counted.figure("counters") == COUNTERS - 1

    def test_is_also_that_two_counters_have_one_number(self, counted: Counted, shelf: Shelf) -> None:
        """As when Redis came back without its last second, and another counter was given the number."""
        counted.put("default", "n:forgotten", 1, ANY_BITS)
        counted.persister(shelf).run_once()
        counted.lose()
        counted.begin()
        counted.put("default", "n:visit", 1, OTHER_BITS)
        counted.persister(shelf).run_once()
        counted.lose()

        with pytest.raises(SnapshotDamaged, match="the same number") as raised:
            counted.restore(shelf)()

        assert all(name in str(raised.value) for name in shelf.objects)
        assert not counted.is_ready()
