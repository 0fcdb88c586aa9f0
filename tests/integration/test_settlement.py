"""lua/settle.lua on a real Redis: all of a message or nothing, by its owner, once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from coinslot import redisclient
from coinslot.changes import START, Feed, parse_cursor
from coinslot.events import Dead
from coinslot.keys import GROUP
from coinslot.queue import Consumer
from coinslot.settings import Settings
from coinslot.stack.servers import RedisServer
from coinslot.store import DUPLICATE, STORED
from tests.bench import Bench
from tests.pipeline import until
from tests.running import running
from worker.batch import Commit
from worker.settlement import dead_message, tally

ONE, TWO = b'{"_id":"1","timestamp":1}', b'{"_id":"2","timestamp":2}'


def take_over(bench: Bench, heir: Consumer) -> list[Commit]:
    for _ in range(100):
        if commits := bench.read(heir):
            return commits
    raise AssertionError("nothing to take over")


def test_settling_feeds_counts_and_acknowledges(bench: Bench) -> None:
    bench.publish(b"[" + ONE + b"," + TWO + b"]", 2)
    consumer = bench.consumer()
    (commit,) = bench.read(consumer)

    mine = bench.settle(consumer, [tally(commit, [STORED, DUPLICATE], tried=False)])

    audit = bench.audit()
    assert mine == 1
    assert bench.fed() == [ONE]
    assert (audit.accepted, audit.stored, audit.duplicate, audit.queued, audit.queue_messages) == (2, 1, 1, 0, 0)
    assert audit.faults == []


def test_settling_twice_changes_nothing_the_second_time(bench: Bench) -> None:
    bench.publish(b"[" + ONE + b"]", 1)
    consumer = bench.consumer()
    (commit,) = bench.read(consumer)
    settled = [tally(commit, [STORED], tried=False)]

    mine = [bench.settle(consumer, settled), bench.settle(consumer, settled)]

    assert mine == [1, 0]
    assert bench.fed() == [ONE]
    assert bench.audit().faults == []


def test_a_stale_worker_that_wakes_after_another_took_over_changes_nothing_even_if_it_is_the_first_to_settle(
    bench: Bench,
) -> None:
    bench.publish(b"[" + ONE + b"]", 1)
    stale, heir = bench.consumer(), bench.consumer()
    (held,) = bench.read(stale)
    (taken,) = take_over(bench, heir)

    # The heir has stored the event, so to the stale one it is a duplicate, which it would not announce.
    late = bench.settle(stale, [tally(held, [DUPLICATE], tried=False)])
    fed_by_the_late_one = bench.fed()
    mine = bench.settle(heir, [tally(taken, [STORED], tried=True)])

    assert (late, mine) == (0, 1)
    assert fed_by_the_late_one == []
    assert bench.fed() == [ONE]
    assert bench.audit().faults == []


def test_of_a_batch_only_what_is_still_this_workers_is_settled_wherever_it_lies(bench: Bench) -> None:
    for number in range(6):
        bench.publish(b'[{"_id":"%d","timestamp":1}]' % number, 1)
    consumer, heir = bench.consumer(), bench.consumer()
    commits = bench.read(consumer)
    bench.publish(b"[" + ONE + b"]", 1)
    bench.read(heir)  # so that it has a name
    taken = [commits[0].id, commits[3].id]
    bench.redis.xclaim(bench.keys.queue, GROUP, heir.name, 0, taken)

    mine = bench.settle(consumer, [tally(commits[n], [STORED], tried=False) for n in (3, 1, 5, 0, 4, 2)])

    audit = bench.audit()
    assert mine == 4
    assert bench.fed() == [commits[n].events[0].raw for n in (1, 5, 4, 2)]
    assert (audit.stored, audit.queued, audit.queue_messages, audit.faults) == (4, 3, 3, [])


def test_an_event_was_received_when_redis_accepted_it_whoever_reads_it_and_how_late(bench: Bench) -> None:
    bench.publish(b"[" + ONE + b"]", 1)
    (held,) = bench.read(bench.consumer())

    (taken,) = take_over(bench, bench.consumer())

    assert taken.deliveries == 2
    assert taken.events[0].received_at_ms == held.events[0].received_at_ms == int(held.id.partition("-")[0])


def test_dead_letters_are_kept_with_payload_reason_and_where_they_came_from(bench: Bench) -> None:
    bench.publish(b"[" + ONE + b"," + TWO + b"]", 2)
    bench.publish(b"garbage", 3)
    consumer = bench.consumer()
    commit, garbage = bench.read(consumer)

    bench.settle(consumer, [tally(commit, [STORED, Dead("too odd")], tried=False), dead_message(garbage, "no list")])

    letters = [fields for _, fields in bench.redis.xrange(bench.keys.dead)]
    audit = bench.audit()
    assert [(letter[b"payload"], letter[b"reason"], letter[b"events"]) for letter in letters] == [
        (TWO, b"too odd", b"1"),
        (b"garbage", b"no list", b"3"),
    ]
    assert letters[0][b"received_at_ms"].decode() == commit.id.partition("-")[0]
    assert (audit.stored, audit.dead, audit.faults) == (1, 4, [])


def test_a_message_whose_header_and_body_disagree_shows_in_the_audit(bench: Bench) -> None:
    bench.publish(b"[" + ONE + b"]", 2)
    consumer = bench.consumer()
    (commit,) = bench.read(consumer)

    bench.settle(consumer, [tally(commit, [STORED], tried=False)])

    assert bench.audit().faults == ["2 events were accepted, 1 settled and 0 are queued"]


def test_settling_after_redis_was_emptied_changes_nothing(bench: Bench) -> None:
    bench.publish(b"[" + ONE + b"]", 1)
    consumer = bench.consumer()
    (commit,) = bench.read(consumer)
    bench.redis.delete(*bench.keys[:4])

    mine = bench.settle(consumer, [tally(commit, [STORED], tried=False)])

    assert mine == 0
    assert bench.fed() == []


def test_every_change_is_published_to_plain_subscribers_as_json_lines(bench: Bench) -> None:
    subscriber = bench.redis.pubsub(ignore_subscribe_messages=True)
    subscriber.subscribe(bench.keys.channel)
    subscriber.get_message(timeout=1)
    bench.publish(b"[" + ONE + b"," + TWO + b"]", 2)
    consumer = bench.consumer()
    (commit,) = bench.read(consumer)

    bench.settle(consumer, [tally(commit, [STORED, STORED], tried=False)])

    message = subscriber.get_message(timeout=5)
    subscriber.close()
    assert message["data"].splitlines() == [ONE, TWO]


def settle_one(bench: Bench) -> None:
    bench.publish(b"[" + ONE + b"]", 1)
    consumer = bench.consumer()
    (commit,) = bench.read(consumer)
    bench.settle(consumer, [tally(commit, [STORED], tried=False)])


def published(bench: Bench) -> int:
    stats: dict[str, dict[str, int]] = bench.redis.info("commandstats")
    return stats.get("cmdstat_publish", {}).get("calls", 0)


def test_where_nobody_can_hear_it_nothing_is_published(bench: Bench) -> None:
    before = published(bench)

    settle_one(bench)

    assert published(bench) == before
    assert bench.fed() == [ONE]


def test_a_subscriber_by_a_pattern_hears_every_change(bench: Bench) -> None:
    subscriber = bench.redis.pubsub(ignore_subscribe_messages=True)
    subscriber.psubscribe(f"{bench.keys.channel[:-1]}*")
    subscriber.get_message(timeout=1)

    settle_one(bench)

    message = subscriber.get_message(timeout=5)
    subscriber.close()
    assert message["data"] == ONE


def test_a_subscriber_of_a_replica_hears_every_change(tmp_path: Path) -> None:
    folders = [tmp_path / "primary", tmp_path / "replica"]
    for folder in folders:
        folder.mkdir()
    with (
        running(RedisServer(folders[0], repl_diskless_sync_delay=0)) as primary,
        running(RedisServer(folders[1])) as replica,
    ):
        client: Any = redisclient.connect(replica.url, timeout_s=5)
        client.replicaof("127.0.0.1", primary.port)
        until(lambda: client.info("replication")["master_link_status"] == "up")
        bench = Bench(Settings.load(redis_url=primary.url))
        subscriber = client.pubsub(ignore_subscribe_messages=True)
        subscriber.subscribe(bench.keys.channel)
        subscriber.get_message(timeout=1)

        settle_one(bench)

        message = subscriber.get_message(timeout=5)
        subscriber.close()
        bench.close()
    assert message["data"] == ONE


def test_a_message_of_very_many_changes_leaves_the_feed_no_longer_than_any_other(bench: Bench) -> None:
    consumer, number = bench.consumer(), 25_000
    bench.publish(b"[" + b",".join(b'{"_id":"%d","timestamp":1}' % n for n in range(number)) + b"]", number)
    (commit,) = bench.read(consumer)

    bench.settle(consumer, [tally(commit, [STORED] * number, tried=False)], feed_max_events=1000)

    assert 1000 <= bench.redis.xlen(bench.keys.feed) < 1200
    assert bench.audit().faults == []


def test_the_feed_is_bounded_and_a_cursor_older_than_it_is_told_of_the_gap(bench: Bench) -> None:
    consumer, feed = bench.consumer(), Feed(bench.redis, bench.keys)
    cursors = []
    for number in range(600):
        bench.publish(b'[{"_id":"%d","timestamp":1}]' % number, 1)
        (commit,) = bench.read(consumer)
        bench.settle(consumer, [tally(commit, [STORED], tried=False)], feed_max_events=100)
        cursors.append(feed.tip())

    begun, old, recent = feed.read(START, 1000), feed.read(cursors[0], 1000), feed.read(cursors[-50], 1000)

    assert 100 <= len(begun.changes) <= 300
    assert begun.gap is not None
    assert old.gap is not None
    assert (old.gap.after, old.changes) == (cursors[0], begun.changes)
    assert recent.gap is None
    assert [change.cursor for change in recent.changes] == cursors[-49:]
    assert parse_cursor(old.gap.oldest) == old.gap.oldest  # so that a follower may resume there, too
    assert feed.read(old.gap.oldest, 1000).gap is not None or feed.read(old.gap.oldest, 1000).changes == old.changes


def test_large_events_bound_the_feed_by_its_bytes(bench: Bench) -> None:
    consumer = bench.consumer()
    for number in range(100):
        bench.publish(b'[{"_id":"%d","timestamp":1,"large":"%b"}]' % (number, b"x" * 100_000), 1)
        (commit,) = bench.read(consumer)
        bench.settle(consumer, [tally(commit, [STORED], tried=False)], feed_max_bytes=2_000_000)

    size_bytes = bench.redis.memory_usage(bench.keys.feed)
    page = Feed(bench.redis, bench.keys).read(START, 1000)

    assert 1_000_000 < size_bytes < 3_000_000
    assert page.gap is not None


def test_a_page_of_large_changes_is_short_and_the_pages_after_it_bring_the_rest(bench: Bench) -> None:
    consumer = bench.consumer()
    for number in range(60):
        bench.publish(b'[{"_id":"%d","timestamp":1,"large":"%b"}]' % (number, b"x" * 100_000), 1)
        (commit,) = bench.read(consumer)
        bench.settle(consumer, [tally(commit, [STORED], tried=False)])
    feed, cursor, lengths = Feed(bench.redis, bench.keys), START, []

    while changes := feed.read(cursor, 1000).changes:
        cursor = changes[-1].cursor
        lengths.append(len(changes))

    assert max(lengths) <= 16
    assert sum(lengths) == 60


def test_a_feed_that_was_deleted_tells_a_follower_of_the_gap_once_and_then_lets_it_wait(bench: Bench) -> None:
    bench.publish(b"[" + ONE + b"]", 1)
    consumer, feed = bench.consumer(), Feed(bench.redis, bench.keys)
    (commit,) = bench.read(consumer)
    bench.settle(consumer, [tally(commit, [STORED], tried=False)])
    cursor = feed.tip()
    bench.redis.delete(bench.keys.feed)

    first = feed.read(cursor, 10)
    second = feed.read(first.gap.oldest if first.gap else "", 10)

    assert first.gap is not None
    assert (second.gap, second.changes) == (None, [])
