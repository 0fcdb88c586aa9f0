"""What a queue on Redis must look like after whatever was done to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from coinslot import redisclient
from coinslot.keys import GROUP, Keys
from coinslot.queue import Consumer
from worker.batch import Commit
from worker.settlement import Settled

IDLE_MS = 3_600_000  # longer than any run: nothing becomes idle by itself
ALL = 100_000
COUNTERS = (
    *("accepted", "stored", "duplicate", "dead", "queued", "queued_messages"),
    *("settled_messages", "fed", "dropped"),
)


class Entry(NamedTuple):
    """A message in the stream. `events` is what its publisher said; None where somebody else has put it there."""

    body: bytes
    events: int | None
    tried: bool = False


class Pending(NamedTuple):
    """A message that was delivered: to whom last, how often, and whether it may be taken over."""

    owner: str
    deliveries: int
    idle: bool = False


class Letter(NamedTuple):
    payload: bytes
    events: int


class Sight(NamedTuple):
    """All there is in Redis; taken while nobody is at work. (No transaction: a full Redis begins none.)"""

    has_group: bool
    entries: dict[str, bytes]
    pending: dict[str, Pending]
    ledger: Counter[str]
    fed: list[bytes]
    letters: dict[str, Letter]

    @classmethod
    def take(cls, client: Any, keys: Keys) -> Sight:
        with client.pipeline(transaction=False) as pipeline:
            pipeline.xrange(keys.queue)
            pipeline.hgetall(keys.ledger)
            pipeline.xrange(keys.feed)
            pipeline.xrange(keys.dead)
            pipeline.xpending_range(keys.queue, GROUP, "-", "+", ALL)
            entries, ledger, fed, letters, pending = pipeline.execute(raise_on_error=False)
        has_group = not isinstance(pending, redisclient.Errors)
        return cls(
            has_group,
            {id.decode(): fields.get(b"body", b"") for id, fields in entries},
            {
                each["message_id"].decode(): Pending(
                    each["consumer"].decode(), each["times_delivered"], each["time_since_delivered"] >= IDLE_MS
                )
                for each in (pending if has_group else ())
            },
            Counter({name: int(ledger.get(name.encode(), 0)) for name in COUNTERS}),
            [fields[b"event"] for _, fields in fed],
            {id.decode(): Letter(fields[b"payload"], int(fields[b"events"])) for id, fields in letters},
        )


class Copy(NamedTuple):
    """A message in a reader's hands, and which of its deliveries that was."""

    commit: Commit
    delivery: int

    @property
    def deliveries_if_not_counted(self) -> int:
        return max(1, self.commit.deliveries - 1)


@dataclass
class Reader:
    """A consumer, and what is in its hands."""

    consumer: Consumer
    held: dict[str, Copy] = field(default_factory=dict)
    may_not_sweep: bool = False  # it had taken over messages that it has not delivered, or others have by now
    lost_a_reply: bool = False
    unheard: set[str] = field(default_factory=set)  # redelivered and counted, but that reply it never got
    has_kept: bool = False

    @property
    def name(self) -> str:
        return self.consumer.name


class Model:
    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.undelivered: list[str] = []
        self.pending: dict[str, Pending] = {}
        self.has_group = False
        self.ledger: Counter[str] = Counter()
        self.fed: list[bytes] = []
        self.letters: dict[str, Letter] = {}
        self.off_the_books = 0  # messages counted as queued that others than we have removed
        self._deliveries: dict[str, int] = {}  # the number of each message's last delivery

    def check(self, sight: Sight) -> None:
        assert sight.entries == {id: entry.body for id, entry in self.entries.items()}
        assert list(sight.entries) == list(self.entries)
        assert sight.has_group >= self.has_group
        self.has_group = sight.has_group
        for id in self.pending.keys() - sight.pending.keys() - self.entries.keys():
            del self.pending[id]  # somebody has deleted it, and now the group knows
        assert sight.pending == self.pending, _difference(sight.pending, self.pending)
        assert sorted(self.entries) == sorted([*self.undelivered, *(self.pending.keys() & self.entries.keys())])
        assert {name: sight.ledger[name] for name in COUNTERS} == {name: self.ledger[name] for name in COUNTERS}
        self._check_books()
        assert sight.fed == self.fed
        assert sight.letters == self.letters

    def _check_books(self) -> None:
        books = self.ledger
        assert books["accepted"] == books["stored"] + books["duplicate"] + books["dead"] + books["queued"]
        ours = sum(entry.events is not None for entry in self.entries.values())
        assert books["queued_messages"] == ours + self.off_the_books

    # What comes in

    def publish(self, id: str, entry: Entry) -> None:
        assert not self.entries or _order(id) > _order(list(self.entries)[-1])
        self.entries[id] = entry
        self.undelivered.append(id)
        if entry.events is not None:
            self.ledger.update(accepted=entry.events, queued=entry.events, queued_messages=1)

    def replay(self, letter_id: str, id: str) -> None:
        payload, events = self.letters.pop(letter_id)
        body = b"[" + payload + b"]" if payload.startswith(b"{") else payload
        self.publish(id, Entry(body, events, tried=True))
        self.ledger.update(accepted=-events, dead=-events)

    # What is delivered

    def read(self, reader: Reader, commits: list[Commit], sight: Sight, *, failed: bool, may_be_idle: bool) -> None:
        """Whether what the reader was given, and what became of the group meanwhile, may be."""
        had_group, before, after = self.has_group, self.pending, sight.pending
        reader.unheard &= {id for id, each in before.items() if each.owner == reader.name}
        changed = {id for id in after if before.get(id) != after[id]}
        given = [commit.id for commit in commits]
        new = sorted(changed - before.keys(), key=_order)
        again = set(given) - set(new)
        counted = {id for id in changed & before.keys() if after[id].deliveries != before[id].deliveries}

        assert new == self.undelivered[: len(new)]
        assert all(after[id] == Pending(reader.name, 1) for id in new)
        assert given == ([] if failed else new or list(again))
        assert len(again | counted) <= 1 and not (new and (again or counted))
        assert failed or counted == again - reader.unheard
        for id in changed & before.keys():
            assert id not in reader.held
            assert before[id].idle or (before[id].owner == reader.name and id in again | counted)
            assert after[id] == Pending(reader.name, before[id].deliveries + (id in counted))
        if had_group and not failed and not may_be_idle:
            claimable = self._claimable(reader)
            assert again or not claimable
            assert again or new or not self.undelivered
            if again and not reader.may_not_sweep:
                assert min(before[id].deliveries for id in claimable) == min(before[id].deliveries for id in again)

        del self.undelivered[: len(new)]
        self.pending = dict(after)
        self._hand_over(reader, commits)
        waits = any(each.owner == reader.name for id, each in after.items() if id not in reader.held)
        reader.may_not_sweep = waits or (reader.may_not_sweep and bool(failed or again))
        reader.lost_a_reply = failed or (reader.lost_a_reply and (may_be_idle or not had_group))
        reader.unheard = reader.unheard | counted if failed else reader.unheard - again

    def _claimable(self, reader: Reader) -> set[str]:
        return {
            id
            for id, each in self.pending.items()
            if id in self.entries
            and id not in reader.held
            and (each.owner == reader.name or (each.idle and not reader.may_not_sweep))
        }

    def _hand_over(self, reader: Reader, commits: list[Commit]) -> None:
        for commit in commits:
            entry, pending = self.entries[commit.id], self.pending[commit.id]
            message = commit.message
            assert message.body == entry.body
            assert message.headers["events"] == entry.events
            assert entry.events is None or bool(message.headers.get("tried")) == entry.tried
            assert entry.events is None or message.content_type == "application/json"
            assert message.headers["x-delivery-count"] == pending.deliveries - 1
            assert message.delivery_info["redelivered"] is (pending.deliveries > 1)
            self._deliveries[commit.id] = self._deliveries.get(commit.id, 0) + 1
            reader.held[commit.id] = Copy(commit, self._deliveries[commit.id])

    # What a reader says of what it holds

    def own(self, reader: Reader) -> dict[str, Copy]:
        """What is in the reader's hands and was given to nobody else since."""
        return {
            id: copy
            for id, copy in reader.held.items()
            if id in self.pending
            and self.pending[id].owner == reader.name
            and self._deliveries.get(id) == copy.delivery
        }

    def kept(self, reader: Reader) -> dict[str, Pending]:
        """What becomes of what it holds if it says that it is at work on it."""
        return {id: each._replace(idle=False) for id, each in self._owned(reader).items() if id in reader.held}

    def excused(self, reader: Reader) -> dict[str, Pending]:
        """What becomes of what it holds if its delivery is not to count."""
        return {
            id: Pending(reader.name, reader.held[id].deliveries_if_not_counted)
            for id in self._owned(reader)
            if id in reader.held
        }

    def handed_back(self, reader: Reader, ids: Collection[str]) -> dict[str, Pending]:
        """What becomes of these of what it holds, and of what it has taken over and not delivered, if it lets go."""
        return {
            id: Pending(
                reader.name,
                reader.held[id].deliveries_if_not_counted if id in ids else each.deliveries - (id in reader.unheard),
                idle=True,
            )
            for id, each in self._owned(reader).items()
            if id in ids or id not in reader.held
        }

    def _owned(self, reader: Reader) -> dict[str, Pending]:
        return {id: each for id, each in self.pending.items() if each.owner == reader.name}

    def change(self, to: Mapping[str, Pending], sight: Callable[[], Sight], *, partly: bool) -> None:
        """Pending messages become what is given; `partly`: or not, each by itself."""
        if partly:
            seen = sight().pending
            to = {id: each for id, each in to.items() if seen.get(id) == each}
        self.pending |= to

    def settle(self, settled: Settled) -> None:
        id = settled.commit.id
        dead = sum(events for _, _, events in settled.dead)
        entry = self._remove(id)
        counted, events = settled.commit.is_counted, settled.commit.size
        if entry is None:
            self.off_the_books -= counted
        self.ledger.update(
            stored=settled.stored,
            duplicate=settled.duplicate,
            dead=dead,
            settled_messages=1,
            fed=len(settled.changes),
            accepted=0 if counted else events,
            queued=-events if counted else 0,
            queued_messages=-1 if counted else 0,
        )
        self.fed += settled.changes

    def take_letters(self, sight: Sight, settled: list[Settled]) -> None:
        """Their ids are Redis' choice; all else is known."""
        new = {id: letter for id, letter in sight.letters.items() if id not in self.letters}
        assert list(new.values()) == [Letter(payload, events) for each in settled for payload, _, events in each.dead]
        self.letters |= new

    def drop(self, letter_id: str) -> None:
        self.ledger.update(dropped=self.letters.pop(letter_id).events)

    # What others do

    def acknowledge(self, id: str) -> None:
        """By kombu's own means: gone, and not in the ledger."""
        entry = self._remove(id)
        if entry is not None and entry.events is not None:
            self.off_the_books += 1

    def delete(self, id: str) -> None:
        """From the stream; the group does not know yet."""
        entry = self.entries.pop(id)
        self.off_the_books += entry.events is not None
        if id in self.undelivered:
            self.undelivered.remove(id)

    def delete_stream(self) -> None:
        self.off_the_books += sum(entry.events is not None for entry in self.entries.values())
        self.entries, self.undelivered, self.pending, self.has_group = {}, [], {}, False

    def empty(self) -> None:
        """All of Redis."""
        self.delete_stream()
        self.off_the_books, self.ledger, self.fed, self.letters = 0, Counter(), [], {}

    def destroy_group(self) -> None:
        self.undelivered, self.pending, self.has_group = list(self.entries), {}, False

    def _remove(self, id: str) -> Entry | None:
        self.pending.pop(id, None)
        if id in self.undelivered:
            self.undelivered.remove(id)
        return self.entries.pop(id, None)


def _difference(seen: Mapping[str, object], expected: Mapping[str, object]) -> str:
    ids = sorted({id for id, _ in seen.items() ^ expected.items()}, key=_order)
    return "; ".join(f"{id}: {seen.get(id)}, and not {expected.get(id)}" for id in ids)


def _order(id: str) -> tuple[int, int]:
    ms, _, number = id.partition("-")
    return int(ms), int(number)
