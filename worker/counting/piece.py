"""A message of analytic events, opened; a large one in several pieces, so that none holds Redis up for long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from coinslot.analytics.event import AnalyticEvent, decode_all
from coinslot.events import BadEvent, split
from coinslot.queue import Message
from worker.envelope import Envelope

PIECE_EVENTS = 500  # a few milliseconds of Redis' time


@dataclass(slots=True, frozen=True, eq=False)
class Piece:
    """Consecutive events of a message. `more`: it has others after these. `fault`: why it could not be opened.

    `may_die`: those of its events that would need one counter too many become dead letters; else it is not counted.
    """

    envelope: Envelope
    events: list[AnalyticEvent] = field(default_factory=list)
    first: int = 0  # their place in the message
    more: bool = False
    fault: str = ""
    may_die: bool = False

    @property
    def age(self) -> tuple[int, ...]:
        """Sorts pieces of a stream in the order in which they came."""
        return (*map(int, self.envelope.id.split("-")), self.first)

    @property
    def size(self) -> int:
        """How many events were accepted with the whole message."""
        return self.envelope.size_of(self.first + len(self.events), self.fault)

    def raws(self) -> list[bytes]:
        """The events just as they were sent."""
        return split(bytes(self.envelope.message.body))[self.first : self.first + len(self.events)]


def open_message(message: Message, max_deliveries: int) -> list[Piece]:
    """At least one piece; never raises for what is in the queue.

    A message that was delivered more often is not looked into: that may be what its readers died of.
    """
    envelope = Envelope(message)
    if envelope.deliveries > max_deliveries:
        return [Piece(envelope, fault=f"delivered {envelope.deliveries} times and never settled")]
    try:
        events = decode_all(bytes(message.body))
    except BadEvent as error:
        return [Piece(envelope, fault=f"message cannot be read: {error}")]
    firsts = range(0, max(1, len(events)), PIECE_EVENTS)
    return [
        Piece(envelope, events[first : first + PIECE_EVENTS], first, more=first + PIECE_EVENTS < len(events))
        for first in firsts
    ]


def joined(pieces: Sequence[Piece]) -> Piece:
    """All that is left of a message in one piece, of which events may die.

    In one step, so that none is a dead letter twice, should the message come again before it is acknowledged.
    """
    events = [event for piece in pieces for event in piece.events]
    return Piece(pieces[0].envelope, events, pieces[0].first, may_die=True)
