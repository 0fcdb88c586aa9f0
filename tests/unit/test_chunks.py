"""Chunks of events, taken apart and put together."""

from __future__ import annotations

import json

import pytest

from coinslot.store.chunks import gather, join, split, to_array

EVENTS = [b'{"_id":"%d","text":"a\\nb, c"}' % number for number in range(5)]


@pytest.mark.parametrize("sizes", [[5], [1, 4], [2, 2, 1], [1] * 5])
def test_events_are_the_same_whatever_the_chunks(sizes: list[int]) -> None:
    ends = [sum(sizes[: n + 1]) for n in range(len(sizes))]
    chunks = [join(EVENTS[end - size : end]) for size, end in zip(sizes, ends, strict=True)]

    assert list(split(chunks)) == EVENTS
    assert b"".join(to_array(chunks)) == b"[" + b",".join(EVENTS) + b"]"
    assert json.loads(b"".join(to_array(chunks))) == [json.loads(event) for event in EVENTS]


def test_no_chunks_have_no_events() -> None:
    assert list(split([])) == []
    assert b"".join(to_array([])) == b"[]"
    assert list(gather([], 1)) == []


def test_pieces_are_gathered_until_they_are_large_enough() -> None:
    pieces = [b"a", b"bb", b"cccc", b"d", b"e"]

    assert list(gather(pieces, 3)) == [b"abb", b"cccc", b"de"]


def test_pieces_are_taken_no_earlier_than_they_are_needed() -> None:
    taken = []
    pieces = (taken.append(piece) or piece for piece in [b"a", b"b", b"c"])  # type: ignore[func-returns-value]

    first = next(gather(pieces, 2))

    assert (first, taken) == (b"ab", [b"a", b"b"])
