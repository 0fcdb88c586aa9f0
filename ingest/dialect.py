"""What the POSTs of one path may hold, and how they are answered."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from ingest.answer import Answer
from ingest.head import Head


class Taken(NamedTuple):
    """Events that only have to enter the queue, and what is answered once they have."""

    raws: list[bytes]
    answer: Answer
    as_text: bool


class Dialect(Protocol):
    """Keeps nothing from one POST to the next."""

    def sift(self, head: Head, plain: bytes) -> Taken | Answer:
        """An answer where there is nothing to commit; raises Refused where it is not even known who sent it."""

    def wants_text(self, media: str) -> bool:
        """Whether whoever sends this content type is told in text what went wrong; others are in JSON."""
