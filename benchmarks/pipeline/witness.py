"""python -m benchmarks.pipeline.witness PORT: a follower that notes when each event came.

A process of its own (child.py), lest the load keep it from looking at the clock. Told to go on, it waits until nothing
more comes, and says all that it was told.
"""

from __future__ import annotations

import re
import select
import socket
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

DUE = re.compile(rb'"due_ns":(\d+)')
RECEIVE_BYTES = 256 * 1024
QUIET_S = 1.0  # all has been told when nothing came for so long
REQUEST = b"GET /wsapi/interaction_data/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"


class Told(NamedTuple):
    """Both in ns of the monotonic clock, which all processes of a machine share."""

    due_ns: int
    came_ns: int


def parse(output: list[str]) -> list[Told]:
    """What it said."""
    return [Told(*map(int, line.split())) for line in output]


def main(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as stream:
        stream.sendall(REQUEST)
        told = list(_follow(stream))
    sys.stdout.writelines(f"{due_ns} {came_ns}\n" for due_ns, came_ns in told)


def _follow(stream: socket.socket) -> Iterator[Told]:
    rest = b""
    while _has_more(stream) and (received := stream.recv(RECEIVE_BYTES)):
        came_ns = time.monotonic_ns()
        *lines, rest = (rest + received).split(b"\n")
        for line in lines:
            if line == b"event: cursor":
                print("following", flush=True)
            elif due := DUE.search(line):
                yield Told(int(due[1]), came_ns)


def _has_more(stream: socket.socket) -> bool:
    readable, _, _ = select.select([stream, sys.stdin], [], [])
    if stream not in readable:  # there is input
        readable, _, _ = select.select([stream], [], [], QUIET_S)
    return stream in readable


if __name__ == "__main__":
    main(int(sys.argv[1]))
