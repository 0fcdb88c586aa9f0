"""Chunks of events, an event a line: what a store's `find` answers, and what is made of it.

JSON has no line break within a string, so that one always ends an event.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def join(events: Iterable[bytes]) -> bytes:
    """The chunk of these events."""
    return b"".join(event + b"\n" for event in events)


def split(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The events of the chunks, one by one."""
    for chunk in chunks:
        yield from chunk[:-1].split(b"\n")


def to_array(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The text of a JSON array of the events, in pieces."""
    before = b"["
    for chunk in chunks:
        yield before + chunk[:-1].replace(b"\n", b",")
        before = b","
    yield b"[]" if before == b"[" else b"]"


def gather(pieces: Iterable[bytes], min_bytes: int) -> Iterator[bytes]:
    """The same text in pieces of `min_bytes` or somewhat more, but for the last."""
    gathered: list[bytes] = []
    size_bytes = 0
    for piece in pieces:
        gathered.append(piece)
        size_bytes += len(piece)
        if size_bytes >= min_bytes:
            yield b"".join(gathered)
            gathered, size_bytes = [], 0
    if gathered:
        yield b"".join(gathered)
