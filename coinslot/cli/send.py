"""`coinslot send`: files of events, in."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import click

from coinslot.cli import lines, options
from coinslot.cli.lines import Fault, Line
from coinslot.cli.meter import Meter
from coinslot.client import Client, Refused, Saved

BATCH_MAX_EVENTS, BATCH_MAX_BYTES = 500, 1024 * 1024
IN_FLIGHT = 4  # enough to read and check lines while the server commits
TOO_LARGE = 413

_T = TypeVar("_T")
_U = TypeVar("_U")


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@options.url
@options.token
def send(files: tuple[str, ...], url: str, token: str | None) -> None:
    """Send the events in FILES: one line of JSON each, plain or gzip; - is stdin.

    A file may be sent again, after a failure or by mistake: an event without an _id gets one made of the
    file's name (not its folder), the line's number and the line, and is stored once. Lines that are not
    accepted are named on stderr, and the others sent all the same.
    """
    meter = Meter(_total_bytes(files))
    try:
        with meter:
            _send(files, Client(url, token=token), meter)
    finally:
        click.echo(meter)
    if meter.refused:
        sys.exit(1)


def _send(files: Iterable[str], client: Client, meter: Meter) -> None:
    batches = lines.batches(_good(files, meter), BATCH_MAX_EVENTS, BATCH_MAX_BYTES)
    # The client is left before the pool, so that a failure or Ctrl-C ends the waits of what is in flight.
    with ThreadPoolExecutor(IN_FLIGHT) as pool, client:
        save = partial(client.save_lines, skip_bad=True)
        for sent in in_flight(pool, partial(post, save), batches):
            meter.accept(sent.accepted)
            for fault in sent.faults:
                meter.refuse(fault)


def _good(files: Iterable[str], meter: Meter) -> Iterator[Line]:
    for path in files:
        with meter.open(path) as file:
            for line in lines.read(lines.unpacked(file), path):
                if isinstance(line, Line):
                    yield line
                else:
                    meter.refuse(line)


def _total_bytes(files: Iterable[str]) -> int | None:
    return None if "-" in files else sum(Path(path).stat().st_size for path in files)


class Sent(NamedTuple):
    """What came of a batch."""

    accepted: int
    faults: list[Fault]


def post(save: Callable[[list[bytes]], Saved], batch: list[Line]) -> Sent:
    """Send a batch, in halves where it is too large for the server's limits."""
    try:
        saved = save([line.json for line in batch])
    except Refused as error:
        if error.status != TOO_LARGE:
            raise
        if len(batch) == 1:
            return Sent(0, [Fault(batch[0].place, error.what)])
        half = len(batch) // 2
        first, second = post(save, batch[:half]), post(save, batch[half:])
        return Sent(first.accepted + second.accepted, first.faults + second.faults)
    return Sent(len(saved.ids), [Fault(batch[bad.index].place, bad.reason) for bad in saved.rejected])


def in_flight(pool: ThreadPoolExecutor, work: Callable[[_T], _U], items: Iterable[_T]) -> Iterator[_U]:
    """`pool.map` that takes an item only when one of IN_FLIGHT is done, instead of all at once."""
    futures: deque[Future[_U]] = deque()
    for item in items:
        futures.append(pool.submit(work, item))
        if len(futures) == IN_FLIGHT:
            yield futures.popleft().result()
    while futures:
        yield futures.popleft().result()
