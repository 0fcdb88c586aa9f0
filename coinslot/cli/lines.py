"""The lines of an NDJSON file as events, each with an `_id` that is the same whenever the file is sent again.

The `_id` is a digest of the file's name, the line's number and the line. The name is without folders and
without .gz, so that a file may move and be packed. Another line is another event, even in the same place;
the rest of the file stays what it was. The same line in two places is two events, and so it is in two files.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from hashlib import sha256
from io import BufferedReader
from pathlib import PurePath
from typing import BinaryIO, NamedTuple

from coinslot.events import BadEvent, decode

MAX_LINE_BYTES = 8 * 1024 * 1024  # more than any server takes as an event


class Line(NamedTuple):
    """A line to send: FILE:NUMBER, and its JSON with an `_id`."""

    place: str
    json: bytes


class Fault(NamedTuple):
    """A line that cannot be sent, or was not accepted."""

    place: str
    reason: str


def unpacked(file: BufferedReader) -> BinaryIO:
    """The file, read through gzip if that is what it holds, whatever its name."""
    return gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == b"\x1f\x8b" else file  # type: ignore[return-value]


def read(file: BinaryIO, path: str, max_line_bytes: int = MAX_LINE_BYTES) -> Iterator[Line | Fault]:
    """The lines of a file that are not blank; ends with a Fault where the file cannot be read on."""
    name = PurePath(path).name.removesuffix(".gz")
    number = 0
    try:
        while raw := file.readline(max_line_bytes):
            number += 1
            place = f"{path}:{number}"
            if len(raw) == max_line_bytes:
                while raw and not raw.endswith(b"\n"):
                    raw = file.readline(max_line_bytes)
                yield Fault(place, f"line of {max_line_bytes} bytes or more")
            elif line := raw.strip():
                yield _checked(place, line, f"{name}\0{number}\0".encode())
    except (OSError, EOFError, zlib.error) as error:
        yield Fault(f"{path}:{number + 1}", f"cannot be read: {error}")


def _checked(place: str, line: bytes, identity: bytes) -> Line | Fault:
    """Only what the server could not point out by line is checked here: that it is one, and JSON."""
    try:
        event = decode(line)
    except BadEvent as error:
        return Fault(place, str(error))
    if not isinstance(event, dict):
        return Fault(place, "event is not a JSON object")
    if "_id" in event:
        return Line(place, line)
    id = sha256(identity + line).hexdigest()[:32]
    rest = line[1:].lstrip()
    return Line(place, b'{"_id":"%b"%b%b' % (id.encode(), b"" if rest == b"}" else b",", rest))


def batches(lines: Iterable[Line], max_events: int, max_bytes: int) -> Iterator[list[Line]]:
    """Lines in runs of at most so many, and so many bytes unless one alone is larger."""
    batch: list[Line] = []
    size = 0
    for line in lines:
        if batch and (len(batch) == max_events or size + len(line.json) > max_bytes):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line.json) + 1
    if batch:
        yield batch
