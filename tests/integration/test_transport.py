"""The queue transport against a real Redis: what its docstring promises, and how each promise could break."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from coinslot import lua, redisclient
from coinslot.errors import QueueUnavailable
from coinslot.keys import GROUP, Keys
from coinslot.ledger import Ledger
from coinslot.queue import Broker, Consumer, Message
from coinslot.settings import Settings
from coinslot.stack.servers import RedisServer
from tests.transport.foreign import FOREIGN

IDLE_S = 0.6


@pytest.fixture
def settings(redis_url: str, prefix: str) -> Settings:
    return Settings.load(redis_url=redis_url, key_prefix=prefix, claim_idle_s=IDLE_S, claim_every_s=0.05)


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    client = redisclient.connect(redis_url, timeout_s=5)
    yield client
    client.close()


@pytest.fixture
def publish(settings: Settings) -> Iterator[Callable[[bytes, int], None]]:
    publisher = Broker(settings).publisher()
    yield publisher
    publisher.close()


@pytest.fixture
def consume(settings: Settings) -> Iterator[Callable[[], Consumer]]:
    """Makes consumers; `die` of a consumer stands for kill -9: nothing is handed back."""
    made: list[Consumer] = []

    def make() -> Consumer:
        made.append(Broker(settings).consumer())
        return made[-1]

    yield make
    for consumer in made:
        consumer.close()


def read(consumer: Consumer, timeout_s: float = 0.05) -> list[Message]:
    """What one read brings, taken out of the inbox."""
    consumer.read(timeout_s)
    messages = list(consumer.inbox)
    consumer.inbox.clear()
    return messages


def read_until_something(consumer: Consumer) -> list[Message]:
    deadline = time.monotonic() + 5
    while not (messages := read(consumer)):
        assert time.monotonic() < deadline, "nothing was delivered"
    return messages


def bodies(messages: list[Message]) -> list[bytes]:
    return [message.body for message in messages]


def test_a_message_is_delivered_as_it_was_published_byte_for_byte(
    publish: Callable[[bytes, int], None], consume: Callable[[], Consumer]
) -> None:
    publish(b'[{"snow":"\xe2\x98\x83"}]', 1)

    (message,) = read(consume())

    assert message.body == b'[{"snow":"\xe2\x98\x83"}]'
    assert message.content_type == "application/json"
    assert message.headers["events"] == 1
    assert message.delivery_info["redelivered"] is False


def test_messages_published_before_any_consumer_existed_are_delivered_in_order(
    publish: Callable[[bytes, int], None], consume: Callable[[], Consumer]
) -> None:
    for number in range(50):
        publish(b"[%d]" % number, 1)

    consumer = consume()
    messages = [message for _ in range(5) for message in read(consumer)]

    assert bodies(messages) == [b"[%d]" % number for number in range(50)]


def test_each_message_goes_to_one_consumer_only(
    publish: Callable[[bytes, int], None], consume: Callable[[], Consumer]
) -> None:
    one, other = consume(), consume()
    for number in range(20):
        publish(b"[%d]" % number, 1)

    delivered = [body for _ in range(2) for consumer in (one, other) for body in bodies(read(consumer))]

    assert sorted(delivered) == sorted(b"[%d]" % number for number in range(20))


def test_an_acknowledged_message_leaves_the_stream_and_the_pending_list(
    publish: Callable[[bytes, int], None], consume: Callable[[], Consumer], client: Any, settings: Settings
) -> None:
    publish(b"[]", 0)
    (message,) = read(consume())

    message.ack()

    queue = Keys.of(settings.key_prefix).queue
    assert client.xlen(queue) == 0
    assert client.xpending(queue, GROUP)["pending"] == 0


def test_what_a_dead_consumer_held_is_taken_over_once_it_is_idle_and_says_that_it_is_a_redelivery(
    publish: Callable[[bytes, int], None], consume: Callable[[], Consumer]
) -> None:
    publish(b"[1]", 1)
    dead = consume()
    read(dead)

    too_early = read(consume())
    (message,) = read_until_something(consume())

    assert too_early == []
    assert message.body == b"[1]"
    assert message.delivery_info["redelivered"] is True
    assert message.headers["x-delivery-count"] == 1


def test_taken_over_messages_are_redelivered_one_at_a_time_and_only_then_counted_as_delivered(
    publish: Callable[[bytes, int], None], consume: Callable[[], Consumer], client: Any, settings: Settings
) -> None:
    for number in range(3):
        publish(b"[%d]" % number, 1)
    read(consume())
    time.sleep(IDLE_S)
    heir = consume()

    messages = read_until_something(heir)

    pending = client.xpending_range(Keys.of(settings.key_prefix).queue, GROUP, "-", "+", 10, heir.name)
    assert bodies(messages) == [b"[0]"]
    assert [entry["times_delivered"] for entry in pending] == [2, 1, 1]


def test_of_what_is_taken_over_that_which_was_tried_least_comes_first(
    publish: Callable[[bytes, int], None], consume: Callable[[], Consumer]
) -> None:
    for number in range(3):
        publish(b"[%d]" % number, 1)
    read(consume())
    time.sleep(IDLE_S)
    (deadly,) = read_until_something(consume())
    time.sleep(IDLE_S)
    heir = consume()

    order = [bodies(read_until_something(heir)) for _ in range(3)]

    assert bodies([deadly]) == [b"[0]"]
    assert order == [[b"[1]"], [b"[2]"], [b"[0]"]]


def test_a_consumer_that_keeps_its_claims_is_not_robbed_however_long_it_takes(
    publish: Callable[[bytes, int], None], consume: Callable[[], Consumer]
) -> None:
    publish(b"[1]", 1)
    slow, other = consume(), consume()
    read(slow)

    robbed: list[Message] = []
    for _ in range(10):
        slow.keep()
        time.sleep(IDLE_S / 5)
        robbed += read(other)

    assert robbed == []


def test_positive_control_a_consumer_that_does_not_keep_its_claims_is_robbed(
    publish: Callable[[bytes, int], None], consume: Callable[[], Consumer]
) -> None:
    publish(b"[1]", 1)
    slow, other = consume(), consume()
    read(slow)

    time.sleep(IDLE_S)

    assert bodies(read_until_something(other)) == [b"[1]"]


def test_keeping_claims_does_not_take_back_what_another_has_taken_over(
    publish: Callable[[bytes, int], None], consume: Callable[[], Consumer], client: Any, settings: Settings
) -> None:
    publish(b"[1]", 1)
    stale, heir = consume(), consume()
    read(stale)
    time.sleep(IDLE_S)
    read_until_something(heir)

    stale.keep()

    (entry,) = client.xpending_range(Keys.of(settings.key_prefix).queue, GROUP, "-", "+", 10)
    assert entry["consumer"].decode() == heir.name


def test_closing_a_consumer_hands_its_messages_back_at_once(
    redis_url: str, prefix: str, publish: Callable[[bytes, int], None]
) -> None:
    patient = Settings.load(redis_url=redis_url, key_prefix=prefix, claim_idle_s=3600, claim_every_s=0.05)
    publish(b"[1]", 1)
    leaving, staying = Broker(patient).consumer(), Broker(patient).consumer()
    leaving.read(1)

    leaving.close()

    assert bodies(read_until_something(staying)) == [b"[1]"]
    staying.close()


def test_restarts_that_hand_a_message_back_do_not_add_up_to_a_poisonous_one(
    publish: Callable[[bytes, int], None], settings: Settings
) -> None:
    publish(b"[1]", 1)
    counts = []
    for _ in range(6):
        consumer = Broker(settings).consumer()
        (message,) = read_until_something(consumer)
        counts.append(message.headers["x-delivery-count"])
        consumer.close()

    assert counts == [0, 1, 1, 1, 1, 1]


def test_what_consumers_abandon_goes_to_others_and_each_delivery_counts(
    publish: Callable[[bytes, int], None], settings: Settings
) -> None:
    publish(b"[1]", 1)
    counts = []
    for _ in range(4):
        consumer = Broker(settings).consumer()
        (message,) = read_until_something(consumer)
        counts.append(message.headers["x-delivery-count"])
        consumer.abandon()
        consumer.close()

    assert counts == [0, 1, 2, 3]


def test_consumers_killed_while_they_wait_for_a_store_do_not_add_up_to_a_poisonous_message(
    publish: Callable[[bytes, int], None], consume: Callable[[], Consumer]
) -> None:
    publish(b"[1]", 1)
    counts = []
    for _ in range(6):
        consumer = consume()
        (message,) = read_until_something(consumer)
        counts.append(message.headers["x-delivery-count"])
        consumer.excuse()
        time.sleep(IDLE_S)  # it dies, and is taken for dead

    assert counts == [0, 1, 1, 1, 1, 1]


def test_what_a_late_read_of_its_own_assigned_to_a_consumer_is_found_at_its_next_sweep(
    publish: Callable[[bytes, int], None], client: Any, redis_url: str, prefix: str
) -> None:
    settings = Settings.load(redis_url=redis_url, key_prefix=prefix, claim_idle_s=60, claim_every_s=0.05)
    consumer = Broker(settings).consumer()
    read(consumer)
    publish(b"[1]", 1)

    client.xreadgroup(GROUP, consumer.name, {Keys.of(prefix).queue: ">"})
    (message,) = read_until_something(consumer)
    consumer.close()

    assert message.body == b"[1]"
    assert message.delivery_info["redelivered"] is True


def test_what_was_taken_over_and_still_waits_is_handed_back_too(
    redis_url: str, prefix: str, publish: Callable[[bytes, int], None], consume: Callable[[], Consumer]
) -> None:
    for number in range(3):
        publish(b"[%d]" % number, 1)
    read(consume())  # dies
    time.sleep(IDLE_S)
    heir = consume()
    read_until_something(heir)  # one; two wait
    patient = Settings.load(redis_url=redis_url, key_prefix=prefix, claim_idle_s=IDLE_S, claim_every_s=0.01)

    heir.close()
    last = Broker(patient).consumer()
    delivered = [body for _ in range(3) for body in bodies(read(last))]
    last.close()

    assert sorted(delivered) == [b"[0]", b"[1]", b"[2]"]


def test_a_consumer_that_holds_nothing_hands_back_what_it_has_taken_over_and_not_delivered(
    redis_url: str, prefix: str, publish: Callable[[bytes, int], None], consume: Callable[[], Consumer]
) -> None:
    for number in range(3):
        publish(b"[%d]" % number, 1)
    read(consume())  # dies
    time.sleep(IDLE_S)
    heir = consume()
    (message,) = read_until_something(heir)
    message.ack()
    patient = Settings.load(redis_url=redis_url, key_prefix=prefix, claim_idle_s=IDLE_S, claim_every_s=0.01)

    heir.close()
    last = Broker(patient).consumer()
    delivered = [body for _ in range(2) for body in bodies(read(last))]
    last.close()

    assert sorted(delivered) == [b"[1]", b"[2]"]


def test_handing_back_what_was_not_delivered_leaves_its_count_as_it_is(
    publish: Callable[[bytes, int], None], consume: Callable[[], Consumer], client: Any, settings: Settings
) -> None:
    queue, dead, heir = Keys.of(settings.key_prefix).queue, consume(), consume()
    for number in range(2):
        publish(b"[%d]" % number, 1)
    read(dead)
    ids = [id for id, _ in client.xrange(queue)]
    client.xclaim(queue, GROUP, dead.name, 0, ids, retrycount=4, justid=True)
    time.sleep(IDLE_S)
    read_until_something(heir)  # the first; the other waits

    heir.close()

    pending = client.xpending_range(queue, GROUP, "-", "+", 10)
    assert [entry["times_delivered"] for entry in pending] == [4, 4]


def test_a_delivery_that_was_excused_is_not_taken_off_once_more_when_it_is_handed_back(
    publish: Callable[[bytes, int], None], consume: Callable[[], Consumer], client: Any, settings: Settings
) -> None:
    publish(b"[1]", 1)
    read(consume())
    for _ in range(2):
        time.sleep(IDLE_S)
        last = consume()
        (message,) = read_until_something(last)

    last.excuse()
    last.excuse()
    last.close()

    (entry,) = client.xpending_range(Keys.of(settings.key_prefix).queue, GROUP, "-", "+", 10)
    assert message.headers["x-delivery-count"] == 2
    assert entry["times_delivered"] == 2


def test_a_consumer_does_not_take_back_what_it_still_holds_when_the_one_who_took_it_over_has_died(
    publish: Callable[[bytes, int], None], consume: Callable[[], Consumer], client: Any, settings: Settings
) -> None:
    """It would settle its old copy, and not know that the other may have stored the events and told nobody."""
    publish(b"[1]", 1)
    frozen, heir = consume(), consume()
    read(frozen)
    time.sleep(IDLE_S)
    read_until_something(heir)  # and dies
    time.sleep(IDLE_S)

    taken = read(frozen)

    (entry,) = client.xpending_range(Keys.of(settings.key_prefix).queue, GROUP, "-", "+", 10)
    assert taken == []
    assert entry["consumer"].decode() == heir.name


def test_a_consumer_is_forgotten_when_it_was_silent_for_long_and_only_if_it_holds_nothing(
    publish: Callable[[bytes, int], None], consume: Callable[[], Consumer], client: Any, settings: Settings
) -> None:
    queue, silent, holding, reading = Keys.of(settings.key_prefix).queue, consume(), consume(), consume()
    forget = client.register_script(lua.source("forget"))
    for consumer in (silent, holding):
        publish(b"[1]", 1)
        read(consumer)
    client.xack(queue, GROUP, client.xrange(queue, count=1)[0][0])

    too_early = forget(keys=[queue], args=[GROUP, 3_600_000])
    time.sleep(0.3)
    read(reading, timeout_s=0)
    gone = forget(keys=[queue], args=[GROUP, 250])

    assert too_early == []
    assert gone == [silent.name.encode()]


def test_forgetting_the_consumers_of_a_group_that_is_gone_is_no_error(client: Any, prefix: str) -> None:
    assert client.register_script(lua.source("forget"))(keys=[Keys.of(prefix).queue], args=[GROUP, 0]) == []


def test_a_consumer_that_cannot_declare_its_queue_leaves_no_connections_behind(
    client: Any, consume: Callable[[], Consumer], settings: Settings
) -> None:
    consumer = consume()
    client.set(Keys.of(settings.key_prefix).queue, "no stream")
    before = client.info("clients")["connected_clients"]

    for _ in range(10):
        with pytest.raises(QueueUnavailable, match="WRONGTYPE"):
            consumer.read(0)

    assert client.info("clients")["connected_clients"] <= before + 1


def test_after_redis_was_emptied_the_group_is_made_again_and_messages_flow(
    publish: Callable[[bytes, int], None], consume: Callable[[], Consumer], client: Any, settings: Settings
) -> None:
    consumer = consume()
    read(consumer)
    client.delete(*Keys.of(settings.key_prefix)[:4])

    publish(b"[1]", 1)

    assert bodies(read_until_something(consumer)) == [b"[1]"]


def test_large_messages_are_read_a_few_at_a_time(
    publish: Callable[[bytes, int], None], consume: Callable[[], Consumer]
) -> None:
    for _ in range(24):
        publish(b"[" + b" " * 1024 * 1024 + b"]", 0)
    consumer = consume()

    reads = [len(read(consumer)) for _ in range(3)]  # their size is not known before the first

    assert reads[0] <= 16
    assert all(1 <= count <= 4 for count in reads[1:])


def test_the_ledger_counts_what_enters_the_queue(
    publish: Callable[[bytes, int], None], client: Any, settings: Settings
) -> None:
    publish(b"[1,2,3]", 3)
    publish(b"[4]", 1)

    audit = Ledger(client, Keys.of(settings.key_prefix), queue_is_on_redis=True).audit()

    assert (audit.accepted, audit.queued, audit.queued_messages, audit.queue_messages) == (4, 4, 2, 2)
    assert audit.faults == []


def test_a_message_that_vanishes_from_the_stream_is_a_gap_in_the_ledger(
    publish: Callable[[bytes, int], None], client: Any, settings: Settings
) -> None:
    keys = Keys.of(settings.key_prefix)
    publish(b"[1]", 1)
    client.xtrim(keys.queue, maxlen=0, approximate=False)

    audit = Ledger(client, keys, queue_is_on_redis=True).audit()

    assert audit.faults == ["the queue holds 0 messages and should hold 1"]


def test_out_of_memory_refuses_the_message_whole_and_takes_it_again_when_there_is_room(
    tmp_path: Path, prefix: str
) -> None:
    server = RedisServer(tmp_path)
    server.start()
    server.wait_ready()
    publish = Broker(Settings.load(redis_url=server.url, key_prefix=prefix)).publisher()
    publish(b"[1]", 1)
    client = redis.Redis.from_url(server.url)

    client.config_set("maxmemory", 1)
    with pytest.raises(QueueUnavailable, match="maxmemory"):
        publish(b"[2]", 1)
    client.config_set("maxmemory", 0)
    publish(b"[3]", 1)

    audit = Ledger(client, Keys.of(prefix), queue_is_on_redis=True).audit()
    assert (audit.accepted, audit.queue_messages, audit.faults) == (2, 2, [])
    publish.close()
    client.close()
    server.stop()


def test_a_publisher_of_a_dead_redis_raises_and_works_again_once_it_is_back(tmp_path: Path, prefix: str) -> None:
    server = RedisServer(tmp_path)
    server.start()
    server.wait_ready()
    publish = Broker(Settings.load(redis_url=server.url, key_prefix=prefix)).publisher()
    publish(b"[1]", 1)

    server.kill()
    with pytest.raises(QueueUnavailable):
        publish(b"[2]", 1)
    server.start()
    server.wait_ready()
    publish(b"[3]", 1)

    assert publish.depth() == 2
    publish.close()
    server.stop()


@pytest.mark.parametrize("fields", FOREIGN.values(), ids=FOREIGN)
def test_an_entry_that_somebody_else_put_into_the_stream_is_delivered_as_it_is_and_kills_nobody(
    fields: dict[Any, Any], consume: Callable[[], Consumer], client: Any, settings: Settings
) -> None:
    client.xadd(Keys.of(settings.key_prefix).queue, fields)

    (message,) = read(consume())

    assert message.body == fields.get("body", b"")
    assert message.headers["events"] is None


def test_a_message_is_acknowledged_also_when_redis_is_full(redis_of_its_own: RedisServer, prefix: str) -> None:
    broker = Broker(Settings.load(redis_url=redis_of_its_own.url, key_prefix=prefix))
    publish, consumer = broker.publisher(), broker.consumer()
    client = redis.Redis.from_url(redis_of_its_own.url)
    publish(b"[1]", 1)
    (message,) = read(consumer)
    client.config_set("maxmemory", 1)

    message.ack()

    queue = Keys.of(prefix).queue
    assert client.xlen(queue) == 0
    assert client.xpending(queue, GROUP)["pending"] == 0
    consumer.close()
    publish.close()
    client.close()
