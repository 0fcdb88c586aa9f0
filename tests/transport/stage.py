"""Publishers and readers on a real Redis, over a wire that can be cut, and the model of what must come of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from coinslot import redisclient
from coinslot.dead_letters import DeadLetters
from coinslot.errors import QueueUnavailable
from coinslot.keys import GROUP
from coinslot.ports import LOOPBACK
from coinslot.queue import BrokerErrors, Consumer
from coinslot.settings import Settings
from coinslot.stack.servers import RedisServer
from coinslot.store import STORED
from tests.bench import Bench
from tests.transport.cutter import Cutter, Lost
from tests.transport.model import IDLE_MS, Copy, Entry, Model, Reader, Sight
from worker.batch import Commit
from worker.settlement import Settled, dead_message, tally

PREFETCH = 40
MAX_DELIVERIES = 3  # few, so that some messages are delivered more often
READ_WAIT_S = 0  # one look: what waits asks now more and now less often

Cut = tuple[int, Lost] | None  # after how many requests, and what is lost then
Outcome = Callable[[], Any]  # what the store says of an event


class Stage:
    """Does one thing at a time, and tells the model. Any of it may be cut; then some of it may have been done.

    make_consumer: of settings; not the broker's, to see whether a broken one is found out.
    """

    def __init__(
        self, server: RedisServer, wire: Cutter, make_consumer: Callable[[Settings], Consumer] | None = None
    ) -> None:
        self.redis: Any = redisclient.connect(server.url, timeout_s=5)
        self.redis.config_set("maxmemory", 0)
        self.redis.flushall()
        self.redis.script_flush()  # so that the same steps are the same requests
        self.is_full = False
        self.wire = wire
        settings = Settings.load(
            redis_url=f"redis://{LOOPBACK}:{wire.port}/0",
            claim_idle_s=IDLE_MS / 1000,
            claim_every_s=1e-9,
            batch_max_events=PREFETCH,
            max_deliveries=MAX_DELIVERIES,
            publish_timeout_s=30,  # what is cut fails at once, and nothing else may
        )
        self.bench = Bench(settings)
        self._make_consumer = partial(make_consumer, settings) if make_consumer else self.bench.consumer
        self._consumers: list[Consumer] = []
        self.keys = self.bench.keys
        self.letters = DeadLetters(self.redis, self.keys)
        self.model = Model()

    def look(self) -> Sight:
        return Sight.take(self.redis, self.keys)

    def check(self) -> None:
        self.model.check(self.look())

    def attempt(self, cut: Cut, act: Callable[[], object], *, may_fail: bool = False) -> bool:
        """Whether it came to its end; but for a cut wire it must."""
        if cut:
            self.wire.arm(*cut)
        try:
            act()
        except (QueueUnavailable, *BrokerErrors):
            was_cut = self.wire.disarm()
            assert may_fail or (cut and was_cut), "failed without need"
            return False
        return not (cut and self.wire.disarm())

    def publish(self, publish: Callable[[bytes, int], None], body: bytes, events: int, cut: Cut) -> None:
        before = self.look().entries
        done = self.attempt(cut, lambda: publish(body, events), may_fail=self.is_full)
        new = [id for id in self.look().entries if id not in before]
        assert len(new) == 1 if done else len(new) <= (not self.is_full)
        for id in new:
            self.model.publish(id, Entry(body, events))

    def reader(self) -> Reader:
        self._consumers.append(self._make_consumer())
        return Reader(self._consumers[-1])

    def read(self, reader: Reader, cut: Cut = None) -> int:
        """How many messages it was given."""
        commits: list[Commit] = []
        may_be_idle = len(reader.held) >= PREFETCH
        done = self.attempt(cut, lambda: commits.extend(self.bench.read(reader.consumer, READ_WAIT_S)))
        self.model.read(reader, commits, self.look(), failed=not done, may_be_idle=may_be_idle)
        return len(commits)

    def settle(self, reader: Reader, ids: Collection[str], outcome: Outcome, cut: Cut = None) -> None:
        own, counts = self.model.own(reader), list[int]()
        settled = [come_to(reader.held[id], outcome) for id in ids]
        mine = [each for each in settled if each.commit.id in own]
        settle = partial(self.bench.settle, reader.consumer, settled, dead_max_share=1)
        done = self.attempt(cut, lambda: counts.append(settle()))
        sight = self.look()
        gone = [each for each in mine if each.commit.id not in sight.pending]
        assert gone == mine or (not done and not gone)
        assert counts == [len(mine)] or not done
        for each in gone:
            self.model.settle(each)
        self.model.take_letters(sight, gone)
        if done:
            assert settle() == 0  # as one does who never heard of it
            for each in settled:
                message = reader.held.pop(each.commit.id).commit.message
                message.channel.forget(message.delivery_tag)

    def keep(self, reader: Reader, cut: Cut) -> None:
        done = self.attempt(cut, reader.consumer.keep, may_fail=not self.model.has_group)
        self.model.change(self.model.kept(reader), self.look, partly=not done or reader.has_kept)
        reader.has_kept = True  # and does not again for a long time

    def excuse(self, reader: Reader, cut: Cut) -> None:
        done = self.attempt(cut, reader.consumer.excuse, may_fail=not self.model.has_group)
        self.model.change(self.model.excused(reader), self.look, partly=not done)

    def requeue(self, reader: Reader, id: str, cut: Cut) -> None:
        back = self.model.handed_back(reader, [id])
        done = self.attempt(cut, reader.held[id].commit.message.requeue, may_fail=not self.model.has_group)
        self.model.change(back, self.look, partly=not done or reader.lost_a_reply)
        if done:
            del reader.held[id]

    def acknowledge(self, reader: Reader, id: str, cut: Cut) -> None:
        """By kombu's own means, which the worker has no use for."""
        done = self.attempt(cut, reader.held[id].commit.message.ack)
        if done or id not in self.look().entries:
            self.model.acknowledge(id)
        if done:
            del reader.held[id]

    def close(self, reader: Reader, cut: Cut) -> None:
        back = self.model.handed_back(reader, reader.held)
        done = self.attempt(cut, reader.consumer.close)
        self.model.change(back, self.look, partly=not done or reader.lost_a_reply)

    def age(self, owner: str) -> None:
        """It has been silent for long."""
        ids = [id for id, each in self.model.pending.items() if each.owner == owner]
        if not ids:
            return
        self.redis.xclaim(self.keys.queue, GROUP, owner, 0, ids, idle=IDLE_MS + 1, justid=True)
        self.model.change({id: self.model.pending[id]._replace(idle=True) for id in ids}, self.look, partly=False)

    def replay(self, letter: str) -> None:
        before = self.look().entries
        if self.attempt(None, lambda: self.letters.replay(letter), may_fail=self.is_full):
            (new,) = [id for id in self.look().entries if id not in before]
            self.model.replay(letter, new)

    def drop(self, letter: str) -> None:
        self.letters.drop(letter)
        self.model.drop(letter)

    # Redis, and whoever has redis-cli

    def fill(self, is_full: bool) -> None:
        self.redis.config_set("maxmemory", int(is_full))
        self.is_full = is_full

    def add(self, fields: dict[str, bytes]) -> None:
        id = self.redis.xadd(self.keys.queue, fields)
        self.model.publish(id.decode(), Entry(fields.get("body", b""), None))

    def delete(self, id: str) -> None:
        self.redis.xdel(self.keys.queue, id)
        self.model.delete(id)

    def destroy_group(self) -> None:
        self.redis.xgroup_destroy(self.keys.queue, GROUP)
        self.model.destroy_group()

    def delete_stream(self) -> None:
        self.redis.delete(self.keys.queue)
        self.model.delete_stream()
        time.sleep(0.002)  # the ids of a new one must not be those of the old one

    def empty(self) -> None:
        self.redis.flushall()
        self.model.empty()
        time.sleep(0.002)

    # At the end

    def drain(self) -> None:
        """Whatever has happened: one reader that comes afterwards is given all that is left, and settles it."""
        self.fill(False)
        for owner in {each.owner for each in self.model.pending.values()}:
            self.age(owner)
        heir, vain_reads = self.reader(), 0
        while vain_reads < 2:
            vain_reads = 0 if self.read(heir) else vain_reads + 1
            self.settle(heir, list(heir.held), lambda: STORED)
            self.check()
        assert not self.model.entries

    def close_all(self) -> None:
        self.wire.disarm()
        for consumer in self._consumers:
            consumer.close()
        self.bench.close()
        self.redis.close()


def come_to(copy: Copy, outcome: Outcome) -> Settled:
    """As the worker does it."""
    commit = copy.commit
    if commit.fault:
        return dead_message(commit, commit.fault)
    return tally(commit, [outcome() for _ in commit.events], tried=commit.deliveries > 1)
