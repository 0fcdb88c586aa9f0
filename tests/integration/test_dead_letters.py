"""Dead letters on a real Redis: listed, replayed and dropped, with a ledger that balances throughout."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest
import redis

from coinslot import lua, redisclient
from coinslot.dead_letters import START, DeadLetters, parse_id
from coinslot.errors import BadLetterId, NoSuchLetter, QueueUnavailable
from coinslot.events import Dead
from coinslot.keys import Keys
from coinslot.ledger import Ledger
from coinslot.queue import Broker
from coinslot.settings import Settings
from coinslot.stack.servers import RedisServer
from coinslot.store import DUPLICATE, STORED
from ingest.backpressure import Backpressure
from ingest.watch import Watch
from tests.bench import Bench
from tests.pipeline import until
from worker.settlement import dead_message, tally

ONE, TWO = b'{"_id":"1","timestamp":1}', b'{"_id":"2","timestamp":2}'
BOTH = b"[" + ONE + b"," + TWO + b"]"
NOWHERE = "1700000000000-0"


@pytest.fixture
def letters(bench: Bench) -> DeadLetters:
    return DeadLetters(bench.redis, bench.keys)


def bury(bench: Bench, body: bytes = BOTH, events: int = 2, reason: str = "no use") -> str:
    """Have a message die whole; the id of its letter."""
    bench.publish(body, events)
    consumer = bench.consumer()
    (commit,) = bench.read(consumer)
    bench.settle(consumer, [dead_message(commit, reason)])
    return newest(bench)


def bury_one_of_two(bench: Bench) -> str:
    """Have TWO die alone, ONE is stored."""
    bench.publish(BOTH, 2)
    consumer = bench.consumer()
    (commit,) = bench.read(consumer)
    bench.settle(consumer, [tally(commit, [STORED, Dead("too odd")], tried=False)])
    return newest(bench)


def newest(bench: Bench) -> str:
    id: str = bench.redis.xrevrange(bench.keys.dead, count=1)[0][0].decode()
    return id


def figures(bench: Bench) -> dict[str, int]:
    audit = bench.audit()
    assert audit.faults == []
    names = ("accepted", "stored", "duplicate", "dead", "queued", "queued_messages", "dropped", "dead_letters")
    return {name: getattr(audit, name) for name in names if getattr(audit, name)}


# Reading


def test_a_letter_says_what_died_when_why_and_after_how_many_attempts(bench: Bench, letters: DeadLetters) -> None:
    id = bury(bench)

    letter, payload = letters.get(id)
    page = letters.page()

    assert (letter.id, letter.reason, letter.attempts, letter.events) == (id, "no use", 1, 2)
    assert letter.accepted_at_ms is not None
    assert letter.accepted_at_ms <= letter.died_at_ms == int(id.partition("-")[0])
    assert (payload, letter.payload_bytes) == (BOTH, len(BOTH))
    assert page == ([letter], None, 1)
    assert letters.count() == 1


def test_pages_end_at_their_limit_and_at_large_payloads_and_together_hold_every_letter_once(
    bench: Bench, letters: DeadLetters
) -> None:
    for size in [10] * 25 + [7 * 1024 * 1024] * 5:
        fields = {"payload": b"x" * size, "reason": "r", "events": 1, "deliveries": 1}
        bench.redis.xadd(bench.keys.dead, fields)
    pages, after = [], START

    while after is not None:
        pages.append(letters.page(after, limit=10))
        after = pages[-1].after

    ids = [letter.id for page in pages for letter in page.letters]
    assert [len(page.letters) for page in pages] == [10, 10, 8, 2]
    assert ids == sorted(set(ids), key=lambda id: tuple(map(int, id.split("-"))))
    assert {page.total for page in pages} == {30}


def test_what_somebody_put_among_the_letters_by_hand_is_shown_replayed_and_dropped_like_another(
    bench: Bench, letters: DeadLetters
) -> None:
    odd = [
        bench.redis.xadd(bench.keys.dead, fields).decode()
        for fields in (
            {"hello": "world"},
            {"payload": b"\xff", "events": "9" * 20, "received_at_ms": b"\xff", "reason": b"\xff"},
        )
    ]

    listed = letters.page().letters
    events = [letters.get(odd[0])[0].events, letters.replay(odd[0]), letters.drop(odd[1])]

    assert [letter.id for letter in listed] == odd
    assert events == [0, 0, 0]
    assert figures(bench) == {"queued_messages": 1}


@pytest.mark.parametrize("text", ["", "1", "-", "1-", "x-0", "1-0-0", "99999999999999999999-0", "1-0 ", "٣-0", "-1-0"])
def test_what_is_no_id_is_said_to_be_none(text: str) -> None:
    with pytest.raises(BadLetterId):
        parse_id(text)


def test_a_letter_that_is_not_there_is_said_not_to_be(letters: DeadLetters) -> None:
    for call in (letters.get, letters.replay, letters.drop):
        with pytest.raises(NoSuchLetter):
            call(NOWHERE)


# Replaying


@pytest.mark.parametrize("whole", [True, False], ids=["a message", "an event"])
def test_a_replayed_letter_is_a_message_as_if_it_had_just_been_published(
    bench: Bench, letters: DeadLetters, whole: bool
) -> None:
    id = bury(bench) if whole else bury_one_of_two(bench)
    before = figures(bench)

    events = letters.replay(id)
    during = figures(bench)
    consumer = bench.consumer()
    (commit,) = bench.read(consumer)
    bench.settle(consumer, [tally(commit, [STORED] * events, tried=False)])

    if whole:
        assert before == {"accepted": 2, "dead": 2, "dead_letters": 1}
        assert during == {"accepted": 2, "queued": 2, "queued_messages": 1}
    else:
        assert before == {"accepted": 2, "stored": 1, "dead": 1, "dead_letters": 1}
        assert during == {"accepted": 2, "stored": 1, "queued": 1, "queued_messages": 1}
    assert [event.raw for event in commit.events] == ([ONE, TWO] if whole else [TWO])
    assert (commit.deliveries, commit.size, commit.is_counted) == (1, events, True)
    assert figures(bench) == {"accepted": 2, "stored": 2}
    assert bench.fed() == [ONE, TWO]


def test_a_replayed_message_has_the_shape_of_a_published_one(bench: Bench, letters: DeadLetters) -> None:
    letters.replay(bury(bench))
    bench.publish(BOTH, 2)

    replayed, published = bench.read(bench.consumer())

    for name in ("body", "content_type", "content_encoding"):
        assert getattr(replayed.message, name) == getattr(published.message, name)
    received_at_ms = [commit.message.headers.pop("received_at_ms") for commit in (replayed, published)]
    assert replayed.message.headers == {**published.message.headers, "tried": True}
    assert received_at_ms[0] <= received_at_ms[1]
    assert replayed.message.properties["delivery_mode"] == published.message.properties["delivery_mode"]


def test_what_dies_again_is_a_new_letter(bench: Bench, letters: DeadLetters) -> None:
    first = bury(bench)
    letters.replay(first)
    consumer = bench.consumer()
    (commit,) = bench.read(consumer)

    bench.settle(consumer, [dead_message(commit, "still no use")])

    (letter,) = letters.page().letters
    assert letter.id > first
    assert letter.reason == "still no use"
    assert figures(bench) == {"accepted": 2, "dead": 2, "dead_letters": 1}


def test_a_replayed_letter_keeps_the_time_at_which_it_was_first_accepted_however_often_it_dies(
    bench: Bench, letters: DeadLetters
) -> None:
    id, consumer = bury(bench), bench.consumer()
    first = letters.get(id)[0]
    seen = []

    for _ in range(3):
        time.sleep(0.005)
        letters.replay(newest(bench))
        (commit,) = bench.read(consumer)
        seen += [event.received_at_ms for event in commit.events]
        bench.settle(consumer, [dead_message(commit, "still no use")])
        (letter,) = letters.page().letters
        assert (letter.accepted_at_ms, letter.attempts) == (first.accepted_at_ms, 1)

    assert seen == [first.accepted_at_ms] * 6
    assert letter.died_at_ms > first.died_at_ms


def test_positive_control_what_is_published_anew_has_a_time_of_its_own(bench: Bench) -> None:
    consumer = bench.consumer()
    bench.publish(BOTH, 2)
    time.sleep(0.005)
    bench.publish(BOTH, 2)

    first, second = (commit.events[0].received_at_ms or 0 for commit in bench.read(consumer))

    assert first < second


@pytest.mark.parametrize("by", [{"received_at_ms": 5}, {"meta": '{"headers":{"received_at_ms":5}}', "events": 1}])
def test_what_others_say_of_when_an_event_was_accepted_is_not_believed(bench: Bench, by: dict[str, str | int]) -> None:
    consumer = bench.consumer()
    bench.publish(b"[" + ONE + b"]", 1)
    id = bench.redis.xadd(bench.keys.queue, {"body": b"[" + TWO + b"]", **by}).decode()

    _, theirs = bench.read(consumer)

    assert theirs.events[0].received_at_ms == int(id.partition("-")[0])


@pytest.mark.parametrize("received", ["", "0", "-7", "5,", "1" * 20])
def test_a_letter_with_an_odd_time_can_be_replayed_and_was_accepted_then(
    bench: Bench, letters: DeadLetters, received: str
) -> None:
    letter = {"payload": ONE, "reason": "r", "events": 1, "received_at_ms": received}
    id = bench.redis.xadd(bench.keys.dead, letter).decode()
    consumer = bench.consumer()
    bench.publish(BOTH, 2)

    letters.replay(id)

    published, replayed = bench.read(consumer)
    assert replayed.is_replayed
    assert (published.received_at_ms or 0) <= (replayed.received_at_ms or 0)


def test_twenty_who_replay_one_letter_at_once_put_it_back_once(
    bench: Bench, letters: DeadLetters, redis_url: str
) -> None:
    id = bury(bench)

    def replay(_: int) -> int:
        try:
            return letters.replay(id)
        except NoSuchLetter:
            return 0

    with ThreadPoolExecutor(20) as threads:
        moved = list(threads.map(replay, range(20)))

    assert sorted(moved) == [0] * 19 + [2]
    assert figures(bench) == {"accepted": 2, "queued": 2, "queued_messages": 1}


def test_replaying_again_after_a_lost_reply_puts_nothing_back_twice(
    bench: Bench, letters: DeadLetters, redis_url: str
) -> None:
    id = bury(bench)
    with redisclient.connect(redis_url, timeout_s=5) as other:
        connection = other.connection_pool.get_connection()
        keys = [bench.keys.dead, bench.keys.queue, bench.keys.ledger]
        connection.send_command("EVAL", lua.source("replay"), 3, *keys, id, 1)
        connection.disconnect()
    until(lambda: bench.redis.xlen(bench.keys.queue) == 1, what="the replay whose reply nobody reads")

    with pytest.raises(NoSuchLetter):
        letters.replay(id)

    assert figures(bench) == {"accepted": 2, "queued": 2, "queued_messages": 1}


def test_a_full_redis_refuses_a_replay_keeps_the_letter_and_lets_it_be_dropped(
    redis_of_its_own: RedisServer, prefix: str
) -> None:
    bench = Bench(Settings.load(redis_url=redis_of_its_own.url, key_prefix=prefix))
    letters = DeadLetters(bench.redis, bench.keys)
    id = bury(bench)
    bench.redis.config_set("maxmemory", 1)

    with pytest.raises(QueueUnavailable):
        letters.replay(id)
    kept = figures(bench)
    letters.drop(id)

    assert kept == {"accepted": 2, "dead": 2, "dead_letters": 1}
    assert figures(bench) == {"accepted": 2, "dead": 2, "dropped": 2}
    bench.close()


def test_where_the_queue_is_elsewhere_a_letter_is_published_and_then_taken_out_and_the_ledger_balances(
    bench: Bench,
) -> None:
    published: list[tuple[bytes, int, bool]] = []
    letters = DeadLetters(bench.redis, bench.keys, lambda *message: published.append(message))
    whole, alone = bury(bench), bury_one_of_two(bench)

    events = [letters.replay(whole), letters.replay(alone)]

    assert events == [2, 1]
    assert published == [(BOTH, 2, True), (b"[" + TWO + b"]", 1, True)]
    assert figures(bench) == {"accepted": 1, "stored": 1}


@pytest.mark.parametrize("queue_is_on_redis", [True, False])
def test_a_letter_that_is_replayed_into_a_queue_elsewhere_is_not_taken_for_one_that_redis_lost(
    bench: Bench, queue_is_on_redis: bool
) -> None:
    """Also where the queue was on Redis once. On Redis the same figures mean that it came back older than it was."""
    id = bury(bench)
    ledger = Ledger(bench.redis, bench.keys, queue_is_on_redis=queue_is_on_redis)
    watch = Watch(ledger.read, Backpressure(monotonic, 10, 0.9), ledger.report_lost)
    watch.run_once()

    DeadLetters(bench.redis, bench.keys, lambda *_: None).replay(id)
    watch.run_once()

    assert ledger.audit().lost == (2 if queue_is_on_redis else None)


def test_where_the_queue_is_elsewhere_and_away_the_letter_stays(bench: Bench) -> None:
    def publish(*_: object) -> None:
        raise QueueUnavailable()

    id = bury(bench)

    with pytest.raises(QueueUnavailable):
        DeadLetters(bench.redis, bench.keys, publish).replay(id)

    assert figures(bench) == {"accepted": 2, "dead": 2, "dead_letters": 1}


def test_while_redis_is_away_every_call_says_so(redis_of_its_own: RedisServer, prefix: str) -> None:
    client: redis.Redis = redisclient.connect(redis_of_its_own.url, timeout_s=1)
    letters = DeadLetters(client, Keys.of(prefix))
    redis_of_its_own.kill()

    for call in (letters.count, letters.page, *(lambda act=act: act(NOWHERE) for act in (letters.get, letters.drop))):
        with pytest.raises(QueueUnavailable):
            call()


# Dropping


def test_a_dropped_letter_is_gone_and_its_events_stay_dead(bench: Bench, letters: DeadLetters) -> None:
    id = bury(bench)

    events = letters.drop(id)

    assert events == 2
    assert figures(bench) == {"accepted": 2, "dead": 2, "dropped": 2}
    with pytest.raises(NoSuchLetter):
        letters.drop(id)
    assert figures(bench) == {"accepted": 2, "dead": 2, "dropped": 2}


# What somebody else put into the queue


@pytest.mark.parametrize(
    ("fields", "events"),
    [
        ({"hello": "world"}, 1),
        ({"body": b"garbage", "meta": b"{}"}, 1),
        ({"body": b"garbage", "events": "-3", "meta": b"{}"}, 1),
        ({"body": b"garbage", "events": "many", "meta": b"{}"}, 1),
        ({"body": b"garbage", "meta": b'{"headers":{"events":7}}'}, 1),
        ({"body": BOTH}, 2),
    ],
)
def test_what_somebody_put_into_the_queue_by_hand_is_accepted_when_it_is_settled(
    bench: Bench, letters: DeadLetters, fields: dict[str, str | bytes], events: int
) -> None:
    bench.publish(b"[" + ONE + b"]", 1)
    bench.redis.xadd(bench.keys.queue, fields)
    consumer = bench.consumer()
    ours, theirs = bench.read(consumer)

    dead = [dead_message(theirs, theirs.fault or "delivered too often")]
    bench.settle(consumer, [tally(ours, [STORED], tried=False), *dead])

    died = {"accepted": 1 + events, "stored": 1, "dead": events, "dead_letters": 1}
    assert figures(bench) == died
    letters.replay(newest(bench))
    assert figures(bench) == {"accepted": 1 + events, "stored": 1, "queued": events, "queued_messages": 1}
    (again,) = bench.read(consumer)
    bench.settle(consumer, [dead_message(again, "again")])
    assert figures(bench) == died


def test_what_somebody_put_there_and_can_be_stored_is_accepted_too(bench: Bench) -> None:
    bench.redis.xgroup_create(bench.keys.queue, "workers", "0", mkstream=True)
    bench.redis.xadd(bench.keys.queue, {"body": BOTH})
    consumer = bench.consumer()
    (commit,) = bench.read(consumer)

    bench.settle(consumer, [tally(commit, [STORED, DUPLICATE], tried=False)])

    assert figures(bench) == {"accepted": 2, "stored": 1, "duplicate": 1}


def test_positive_control_a_message_of_ours_that_cannot_be_read_is_not_counted_a_second_time(bench: Bench) -> None:
    bury(bench, b"garbage", 3)

    assert figures(bench) == {"accepted": 3, "dead": 3, "dead_letters": 1}


def test_a_publisher_marks_what_was_tried_before(bench: Bench) -> None:
    Broker(bench.settings).publisher()(BOTH, 2, True)
    bench.publish(BOTH, 2)

    replayed, fresh = bench.read(bench.consumer())

    assert (replayed.is_replayed, fresh.is_replayed) == (True, False)
