"""What is written on a message, whatever it holds."""

from __future__ import annotations

from dataclasses import dataclass

from coinslot.queue import Message


@dataclass(slots=True)
class Envelope:
    """Reads the headers that ingest and coinslot/redisstreams/entry.py have set, or somebody else, to anything."""

    message: Message

    @property
    def id(self) -> str:
        return str(self.message.delivery_tag)

    @property
    def announced(self) -> int | None:
        """How many events the message is said to hold. Whoever said so is a publisher of ours, and has counted them."""
        events = self.message.headers.get("events")
        return events if type(events) is int and events >= 0 else None

    def size_of(self, read: int, fault: str) -> int:
        """How many events were accepted with it, of which so many could be read.

        Where nobody has counted them these count, and what cannot be read counts as one.
        """
        announced = self.announced
        return (read or int(bool(fault))) if announced is None else announced

    @property
    def is_counted(self) -> bool:
        """Whether its events are in the ledger, or soon will be."""
        return self.announced is not None

    @property
    def deliveries(self) -> int:
        """How often it has been delivered, this time included; brokers that do not count say 1 or 2."""
        return int(self.message.headers.get("x-delivery-count", 1 if self.is_redelivered else 0)) + 1

    @property
    def is_redelivered(self) -> bool:
        return bool(self.message.delivery_info.get("redelivered"))

    @property
    def is_replayed(self) -> bool:
        """It was a dead letter before."""
        return bool(self.message.headers.get("tried"))

    @property
    def received_at_ms(self) -> int | None:
        """When its events were accepted, the same at every delivery on streams; None on brokers that do not say."""
        at_ms = self.message.headers.get("received_at_ms")
        return at_ms if type(at_ms) is int else None
