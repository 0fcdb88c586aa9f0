"""python -m coinslot.integration.sender HOST:PORT: sends events to one gRPC target, as long as there are any.

A process of its own, at low priority: gRPC takes more CPU an event than counting does, and would take it from the
thread that counts. In: a line a batch, a JSON array of [namespace, name, key]. Out: a line of digits now and then, how
many events were sent since the last. The end of the input ends it, after an attempt to send what is left.

An event is sent at most once: what gRPC was busy with when a call failed is not sent again. Sent means that gRPC took
it; what a target had not read when it died is lost.

Needs the extra `grpc`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from time import sleep
from typing import Any

import msgspec

from coinslot.integration.channel import open_channel
from coinslot.integration.messages import EVENT_STREAM, KimballEvent
from coinslot.integration.source import Event, Source

NICENESS = 10
REPORT_EVERY_S = 0.5
PAUSE_S = 0.5  # after a call that the target ended: one that refuses each would be called without end
END_TIMEOUT_S = 1.0  # for what is left, and for the answer


class Requests:
    """What one call sends. gRPC asks for the next when it has sent the last."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._is_busy = False
        self.ended = threading.Event()

    def __iter__(self) -> Requests:
        return self

    def __next__(self) -> bytes:
        if self._is_busy:
            self._source.add_sent()
        event = self._source.next(self.ended.is_set)
        self._is_busy = event is not None
        if event is None:
            raise StopIteration
        namespace, name, key = event
        message: bytes = KimballEvent(namespace=namespace, name=name, key=key).SerializeToString()
        return message

    def end(self, *_: object) -> None:
        """The call is over, so that gRPC's thread need not wait for an event here."""
        self.ended.set()
        self._source.wake()


class Sender:
    """Keeps a call to the target open until the source is exhausted."""

    def __init__(
        self, channel: Any, source: Source, report: Callable[[int], None], pause: Callable[[float], object]
    ) -> None:
        self._open = channel.stream_unary(EVENT_STREAM)
        self._source = source
        self._report = report
        self._pause = pause

    def run(self) -> None:
        self.run_once()
        while not self._source.is_exhausted() and not self._is_late():
            self._pause(PAUSE_S)
            self.run_once()

    def run_once(self) -> None:
        """One call, to its end; it begins when the target is there."""
        requests = Requests(self._source)
        call = self._open.future(requests, wait_for_ready=True)
        call.add_done_callback(requests.end)
        while not requests.ended.wait(REPORT_EVERY_S):
            self._report_sent()
            if self._is_late():
                call.cancel()
        self._report_sent()

    def _report_sent(self) -> None:
        if sent := self._source.take_sent():
            self._report(sent)

    def _is_late(self) -> bool:
        return self._source.over_for_s() > END_TIMEOUT_S


def read_batches(lines: Iterable[bytes]) -> Iterator[list[Event]]:
    decoder = msgspec.json.Decoder(list[Event])
    for line in lines:
        if line.endswith(b"\n"):  # or else whoever wrote it was killed meanwhile
            yield decoder.decode(line)


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # whoever started this ends its input, or kills it
    os.nice(NICENESS)
    source = Source()
    threading.Thread(target=source.read, args=[read_batches(sys.stdin.buffer)], daemon=True).start()
    with suppress(BrokenPipeError):  # whoever started this is gone
        Sender(open_channel(sys.argv[1]), source, lambda sent: print(sent, flush=True), sleep).run()
    os._exit(0)  # an orderly end would wait for gRPC's threads, and fail on the one that reads


if __name__ == "__main__":
    main()
