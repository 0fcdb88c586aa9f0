"""Erasing from feed, dead letters and queue, on a real Redis: no follower is misled, and the ledger balances."""

from __future__ import annotations

import time
from typing import Any

import pytest

from coinslot.changes import START, Feed
from coinslot.dead_letters import DeadLetters
from coinslot.events import Dead
from coinslot.match import Match, parse
from coinslot.queue import Consumer
from coinslot.removal.changes import FedEvents
from coinslot.removal.letters import DeadEvents
from coinslot.removal.queued import QueuedEvents
from coinslot.removal.record import Record
from coinslot.settings import Settings
from coinslot.stack.servers import RedisServer
from coinslot.store import STORED, Erasable, Found
from tests.bench import Bench
from worker.recant import Recant
from worker.settlement import dead_message, tally

ME = parse("user_id", "me")


def event(number: int, user: str) -> bytes:
    return b'{"_id":"%d","timestamp":1,"user_id":"%b"}' % (number, user.encode())


def erase(place: Erasable, match: Match = ME) -> int:
    after, removed = "", 0
    while True:
        found = place.matching(match, after)
        if found.hits:
            removed += place.remove(match, found.hits)
        if found.after is None:
            return removed
        after = found.after


@pytest.fixture
def consumer(bench: Bench) -> Consumer:
    return bench.consumer()


@pytest.fixture
def feed(bench: Bench) -> Feed:
    return Feed(bench.redis, bench.keys)


@pytest.fixture
def fed(bench: Bench) -> FedEvents:
    return FedEvents(bench.redis, bench.keys)


@pytest.fixture
def letters(bench: Bench) -> DeadLetters:
    return DeadLetters(bench.redis, bench.keys)


def feed_all(bench: Bench, consumer: Consumer, users: str, feed_max_events: int = 1000) -> list[str]:
    """Settle one event of each user, `m` for me; the cursors."""
    cursors = []
    for number, letter in enumerate(users):
        bench.publish(b"[" + event(number, "me" if letter == "m" else "other") + b"]", 1)
        (commit,) = bench.read(consumer)
        bench.settle(consumer, [tally(commit, [STORED], tried=False)], feed_max_events)
        cursors.append(Feed(bench.redis, bench.keys).tip())
    return cursors


class TestTheFeed:
    @pytest.mark.parametrize("users", ["mommom", "mmmooo", "ooommm", "mmmmmm", "oooooo", "m", "mo", "om"])
    def test_loses_what_matches_and_no_follower_is_told_of_a_gap(
        self, bench: Bench, consumer: Consumer, feed: Feed, fed: FedEvents, users: str
    ) -> None:
        cursors = [START, *feed_all(bench, consumer, users)]
        others = [cursor for cursor, letter in zip(cursors[1:], users, strict=True) if letter != "m"]

        erase(fed)

        for place, cursor in enumerate(cursors):
            page = feed.read(cursor, 100)
            assert page.gap is None, (users, place)
            assert [change.cursor for change in page.changes] == [at for at in others if at in cursors[place + 1 :]]
        assert feed.read(feed.tip(), 100) == (None, [])

    @pytest.mark.parametrize("users", ["mommom", "mmmooo", "ooommm", "mmmmmm"])
    def test_goes_on_afterwards(self, bench: Bench, consumer: Consumer, feed: Feed, fed: FedEvents, users: str) -> None:
        cursors = feed_all(bench, consumer, users)
        erase(fed)
        resumed = [feed.tip(), cursors[-1]]

        later = feed_all(bench, consumer, "omo")
        erase(fed)

        assert [feed.read(cursor, 100).gap for cursor in (START, *cursors, *later)] == [None] * (len(users) + 4)
        for cursor in resumed:
            assert [change.cursor for change in feed.read(cursor, 100).changes] == [later[0], later[2]]

    def test_that_was_trimmed_before_or_after_still_tells_of_the_gap(
        self, bench: Bench, consumer: Consumer, feed: Feed, fed: FedEvents
    ) -> None:
        before = feed_all(bench, consumer, "o" * 300 + "m" * 10, feed_max_events=100)
        erase(fed)
        gap_before = feed.read(before[0], 1000).gap, feed.read(START, 1000).gap

        later = feed_all(bench, consumer, "mo" * 200, feed_max_events=100)
        erase(fed)
        gap_after = feed.read(before[-1], 1000).gap, feed.read(START, 1000).gap

        assert None not in gap_before + gap_after
        assert feed.read(later[-60], 1000).gap is None

    def test_that_was_lost_and_begun_anew_tells_of_the_gap_though_it_was_erased_from(
        self, bench: Bench, consumer: Consumer, feed: Feed, fed: FedEvents
    ) -> None:
        cursors = feed_all(bench, consumer, "mo")
        erase(fed)
        bench.redis.delete(bench.keys.feed)
        (later,) = feed_all(bench, consumer, "o")

        page = feed.read(cursors[1], 10)

        assert page.gap is not None
        assert [change.cursor for change in page.changes] == [later]

    def test_from_which_all_was_erased_after_trimming_tells_of_the_gap_once(
        self, bench: Bench, consumer: Consumer, feed: Feed, fed: FedEvents
    ) -> None:
        feed_all(bench, consumer, "m" * 300, feed_max_events=100)
        erase(fed)

        first = feed.read(START, 10)
        second = feed.read(first.gap.oldest if first.gap else "", 10)
        new_follower = feed.read(feed.tip(), 10)

        assert (first.gap is None, first.changes) == (False, [])
        assert (second.gap, second.changes) == (None, [])
        assert (new_follower.gap, new_follower.changes) == (None, [])

    def test_is_trimmed_by_age_and_who_has_seen_the_last_of_what_went_has_no_gap(
        self, bench: Bench, consumer: Consumer, feed: Feed, fed: FedEvents
    ) -> None:
        old = [f"{int(time.time() * 1000) - 8 * 86_400_000 + n}-0" for n in range(3)]
        for id in old:
            bench.redis.xadd(bench.keys.feed, {"event": event(0, "other")}, id=id)
        bench.redis.hset(bench.keys.ledger, "fed", 3)
        (young,) = feed_all(bench, consumer, "o")

        expired = [fed.expire(0), fed.expire(30), fed.expire(7), fed.expire(7)]

        assert expired == [0, 0, 3, 0]
        assert feed.read(START, 10).gap is not None
        assert feed.read(old[1], 10).gap is not None
        assert feed.read(old[2], 10).gap is None
        assert [change.cursor for change in feed.read(old[2], 10).changes] == [young]

    def test_of_thousands_is_erased_in_short_steps(
        self, bench: Bench, consumer: Consumer, feed: Feed, fed: FedEvents
    ) -> None:
        for first in range(0, 10_000, 500):
            bench.publish(
                b"[" + b",".join(event(n, "me" if n % 2 else "other") for n in range(first, first + 500)) + b"]", 500
            )
            (commit,) = bench.read(consumer)
            bench.settle(consumer, [tally(commit, [STORED] * 500, tried=False)], feed_max_events=100_000)
        bench.redis.config_resetstat()

        erase(fed)

        slowest_us = max(
            value["usec"] / value["calls"] for value in bench.redis.info("commandstats").values() if "usec" in value
        )
        assert len(feed.page(START, 20_000)) > 0
        assert bench.redis.xlen(bench.keys.feed) == 5000
        assert slowest_us < 250_000


class TestDeadLetters:
    def test_lose_the_events_that_match_and_the_ledger_knows(
        self, bench: Bench, consumer: Consumer, letters: DeadLetters
    ) -> None:
        bench.publish(b"[" + b",".join([event(1, "me"), event(2, "other"), event(3, "me")]) + b"]", 3)
        bench.publish(b"[" + b",".join([event(4, "me"), event(5, "other"), event(6, "me")]) + b"]", 3)
        bench.publish(b"[" + event(7, "me") + b"]", 1)
        bench.publish(b"garbage about me", 2)
        singly, whole, whole_mine, garbage = bench.read(consumer)
        bench.settle(
            consumer,
            [
                tally(singly, [Dead("odd")] * 3, tried=False),
                dead_message(whole, "deadly"),
                dead_message(whole_mine, "deadly"),
                dead_message(garbage, "unreadable"),
            ],
        )
        dead = DeadEvents(letters)

        counted = dead.matching(ME, "").events
        erased = [erase(dead), erase(dead)]

        left = [letters.get(letter.id) for letter in letters.page().letters]
        audit = bench.audit()
        assert (counted, erased) == (5, [5, 0])
        assert sorted((letter.events, letter.reason, payload) for letter, payload in left) == [
            (1, "deadly", b"[" + event(5, "other") + b"]"),
            (1, "odd", event(2, "other")),
            (2, "unreadable", b"garbage about me"),
        ]
        assert (audit.dead, audit.dropped, audit.erased, audit.faults) == (9, 5, 5, [])

    def test_of_which_some_were_erased_can_be_replayed(
        self, bench: Bench, consumer: Consumer, letters: DeadLetters
    ) -> None:
        bench.publish(b"[" + event(4, "me") + b"," + event(5, "other") + b"]", 2)
        (whole,) = bench.read(consumer)
        bench.settle(consumer, [dead_message(whole, "deadly")])
        erase(DeadEvents(letters))
        (letter,) = letters.page().letters
        time.sleep(0.005)

        replayed = letters.replay(letter.id)
        (commit,) = bench.read(consumer)
        bench.settle(consumer, [tally(commit, [STORED], tried=True)])

        audit = bench.audit()
        assert replayed == 1
        assert [each.id for each in commit.events] == ["5"]
        assert commit.received_at_ms == whole.received_at_ms
        assert (audit.accepted, audit.stored, audit.dead, audit.dropped, audit.erased) == (2, 1, 1, 1, 1)
        assert audit.faults == []

    def test_go_when_they_died_so_many_days_ago(self, bench: Bench, letters: DeadLetters) -> None:
        def letter(days_ago: float, events: int) -> None:
            id = f"{int(time.time() * 1000 - days_ago * 86_400_000)}-0"
            fields = {"payload": event(1, "me"), "reason": "odd", "events": events, "deliveries": 1}
            bench.redis.xadd(bench.keys.dead, fields, id=id)

        for number in range(150):
            letter(8 - number / 1000, 2)
        letter(6, 1)
        dead = DeadEvents(letters)

        expired = [dead.expire(0), dead.expire(7), dead.expire(7), dead.expire(7)]

        assert expired == [0, 200, 100, 0]
        assert (letters.count(), bench.audit().dropped) == (1, 300)


class TestTheQueue:
    @pytest.fixture
    def queued(self, bench: Bench) -> QueuedEvents:
        return QueuedEvents(bench.redis, bench.keys, Record(bench.redis, bench.keys).add, lambda _: None)

    def test_is_waited_for_as_it_was_at_the_beginning(
        self, bench: Bench, consumer: Consumer, queued: QueuedEvents
    ) -> None:
        for number in range(2):
            bench.publish(b"[" + event(number, "me") + b"]", 1)
        first, second = bench.read(consumer)
        begun = queued.matching(ME, "")
        bench.publish(b"[" + event(2, "me") + b"]", 1)

        waiting = [queued.matching(ME, begun.after or "").after]
        bench.settle(consumer, [tally(second, [STORED], tried=False)])
        waiting.append(queued.matching(ME, begun.after or "").after)
        bench.settle(consumer, [tally(first, [STORED], tried=False)])
        passed = queued.matching(ME, begun.after or "")

        assert waiting == [second.id, second.id]
        assert passed == Found([], 0, None)
        assert bench.redis.xlen(bench.keys.queue) == 1

    def test_that_is_empty_or_was_never_made_is_not_waited_for(
        self, bench: Bench, consumer: Consumer, queued: QueuedEvents
    ) -> None:
        never_made = queued.matching(ME, "")
        bench.read(consumer)
        empty = queued.matching(ME, "")

        assert never_made.after is None
        assert empty.after is None


class FakeStore:
    """Notes what it is asked to remove."""

    def __init__(self) -> None:
        self.removed: list[tuple[Match, list[str]]] = []

    def matching(self, match: Match, after: str) -> Found:
        raise AssertionError("nobody has to look")

    def remove(self, match: Match, hits: Any) -> int:
        self.removed.append((match, list(hits)))
        return len(hits)


class TestAWorkerThatWakesLate:
    def test_takes_back_what_was_new_to_the_store_and_erased_since_its_message_was_accepted(
        self, bench: Bench, consumer: Consumer
    ) -> None:
        record, store = Record(bench.redis, bench.keys), FakeStore()
        bench.publish(b"[" + b",".join([event(1, "me"), event(2, "other"), event(3, "me")]) + b"]", 3)
        QueuedEvents(bench.redis, bench.keys, record.add, lambda _: None).matching(ME, "")
        bench.publish(b"[" + event(4, "me") + b"]", 1)  # accepted after the erasure began
        before, after = bench.read(consumer)

        Recant(record.all, store)(
            [
                tally(before, [STORED, STORED, STORED], tried=False),
                tally(after, [STORED], tried=False),
            ]
        )

        assert store.removed == [(ME, ["1", "3"])]

    def test_forgets_erasures_after_a_day_and_beyond_a_thousand_or_so(self, bench: Bench) -> None:
        record = Record(bench.redis, bench.keys)
        fields = {"field": "n", "value": "-1", "last_message": "1-0"}
        bench.redis.xadd(bench.keys.erasures, fields, id=f"{int(time.time() * 1000) - 86_401_000}-0")
        record.add(parse("n", 0), "1-0")
        first = record.all()

        for number in range(1, 1300):
            record.add(parse("n", number), "1-0")

        assert [erased.match.value for erased in first] == [0]
        assert 1000 <= len(record.all()) < 1200
        assert record.all()[-1].match.value == 1299
        assert 86_000 < bench.redis.ttl(bench.keys.erasures) <= 86_400


def test_a_full_redis_can_be_erased_from(redis_of_its_own: RedisServer, prefix: str) -> None:
    bench = Bench(Settings.load(redis_url=redis_of_its_own.url, key_prefix=prefix))
    consumer, letters = bench.consumer(), DeadLetters(bench.redis, bench.keys)
    feed_all(bench, consumer, "mom")
    bench.publish(b"[" + event(4, "me") + b"," + event(5, "other") + b"]", 2)
    (whole,) = bench.read(consumer)
    bench.settle(consumer, [dead_message(whole, "deadly")])
    bench.redis.config_set("maxmemory", 1)

    erase(FedEvents(bench.redis, bench.keys))
    erased = erase(DeadEvents(letters))

    assert erased == 1
    assert bench.fed() == [event(1, "other")]
    assert [letter.events for letter in letters.page().letters] == [1]
    assert bench.audit().faults == []
    bench.close()
