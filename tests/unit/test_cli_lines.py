"""A line of a file as an event: its `_id` is what makes sending a file again harmless."""

from __future__ import annotations

import gzip
from io import BufferedReader, BytesIO

import msgspec
import pytest

from coinslot.cli import lines
from coinslot.cli.lines import Fault, Line

EVENTS = b'{"timestamp": 1}\n{"timestamp": 1}\n{"timestamp": 3, "_id": "own"}\n'


def ids(content: bytes, path: str = "hits.ndjson") -> list[str]:
    return [
        msgspec.json.decode(line.json)["_id"] for line in lines.read(BytesIO(content), path) if isinstance(line, Line)
    ]


def test_the_same_file_gives_the_same_ids_in_another_folder_and_packed() -> None:
    once = ids(EVENTS, "hits.ndjson")

    again = ids(EVENTS, "/other/folder/hits.ndjson.gz")

    assert again == once


def test_equal_lines_in_two_places_or_two_files_are_different_events() -> None:
    first, second, _ = ids(EVENTS, "monday.ndjson")
    elsewhere, _, _ = ids(EVENTS, "tuesday.ndjson")

    assert len({first, second, elsewhere}) == 3


def test_a_changed_line_is_a_new_event_and_the_others_stay_what_they_were() -> None:
    before = ids(b'{"timestamp": 1}\n{"timestamp": 2}\n{"timestamp": 3}\n')

    after = ids(b'{"timestamp": 1}\n{"timestamp": 2, "mended": true}\n{"timestamp": 3}\n')

    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, True]


def test_line_ends_and_blank_lines_are_no_part_of_an_event() -> None:
    unix = ids(b'{"timestamp": 1}\n\n{"timestamp": 2}\n')

    windows = ids(b'{"timestamp": 1}\r\n\r\n{"timestamp": 2}')

    assert windows == unix


def test_an_id_of_the_events_own_stays_and_the_line_goes_as_it_is() -> None:
    line = list(lines.read(BytesIO(EVENTS), "hits.ndjson"))[2]

    assert line == Line("hits.ndjson:3", b'{"timestamp": 3, "_id": "own"}')


def test_an_empty_object_stays_json_when_it_gets_an_id() -> None:
    (line,) = lines.read(BytesIO(b"{ }"), "hits.ndjson")

    assert isinstance(line, Line)
    assert list(msgspec.json.decode(line.json)) == ["_id"]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"oops", "malformed"),
        (b'{"timestamp": 1', "truncated"),
        (b"[1]", "not a JSON object"),
        (b'{"timestamp": 1, "name": "\xff"}', "UTF-8"),
    ],
)
def test_what_is_no_json_object_is_named_by_file_and_line_and_costs_no_other_line(bad: bytes, reason: str) -> None:
    first, second, third = lines.read(BytesIO(b'{"timestamp": 1}\n%b\n{"timestamp": 3}' % bad), "logs/hits.ndjson")

    assert isinstance(first, Line)
    assert isinstance(second, Fault)
    assert isinstance(third, Line)
    assert second.place == "logs/hits.ndjson:2"
    assert reason in second.reason


def test_a_line_longer_than_any_event_is_passed_over() -> None:
    file = BytesIO(b'{"timestamp": 1, "padding": "%b"}\n{"timestamp": 2}\n' % (b"x" * 50))

    long, short = lines.read(file, "f", max_line_bytes=20)

    assert long == Fault("f:1", "line of 20 bytes or more")
    assert isinstance(short, Line)
    assert short.place == "f:2"


def test_gzip_is_known_by_what_is_in_the_file() -> None:
    packed = lines.unpacked(BufferedReader(BytesIO(gzip.compress(EVENTS))))
    plain = lines.unpacked(BufferedReader(BytesIO(EVENTS)))

    assert packed.read() == plain.read() == EVENTS


def test_what_comes_before_the_cut_of_a_cut_off_gzip_file_is_read() -> None:
    content = b"".join(b'{"timestamp": %d}\n' % n for n in range(100_000))
    packed = gzip.compress(content)[:100_000]

    *whole, last = lines.read(lines.unpacked(BufferedReader(BytesIO(packed))), "hits.gz")

    assert len(whole) > 100
    assert all(isinstance(line, Line) for line in whole)
    assert isinstance(last, Fault)
    assert "cannot be read" in last.reason


def test_a_batch_holds_no_more_events_and_bytes_than_it_may() -> None:
    ten = [Line(f"f:{n}", b"x" * 10) for n in range(10)]

    by_events = [len(batch) for batch in lines.batches(ten, max_events=4, max_bytes=1000)]
    by_bytes = [len(batch) for batch in lines.batches(ten, max_events=100, max_bytes=33)]

    assert by_events == [4, 4, 2]
    assert by_bytes == [3, 3, 3, 1]


def test_a_line_larger_than_a_batch_goes_alone() -> None:
    three = [Line("f:1", b"small"), Line("f:2", b"large" * 100), Line("f:3", b"small")]

    batches = list(lines.batches(three, max_events=100, max_bytes=20))

    assert batches == [[three[0]], [three[1]], [three[2]]]
