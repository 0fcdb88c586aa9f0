"""Followers that take nothing for a while, and what that costs others."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from coinslot.selftest.account import CLEAN
from coinslot.stack.process import Process
from tests.faults.campaign import Campaign
from tests.faults.feed_log import FeedLog
from tests.faults.frozen import freeze, wake
from tests.memory import Memory
from tests.pipeline import PATH, Pipeline, until

LOAD = {"events_per_post": 10, "pause_s": 0.02, "padding_bytes": 5000}
TOLD_S = 120.0
RECEIVE_BYTES = 64 * 1024  # set by hand, the kernel does not let it grow


def check_frozen(pipeline: Pipeline, folder: Path, server: Process, url: str, events: int, silent: int) -> int:
    """`coinslot follow` is frozen while so many events of 5 KB come, and others read nothing; prints the figures.

    Returns how many changes it was told that it has missed.
    """
    follow = Process(
        "follow",
        [sys.executable, "-m", "coinslot.cli", "follow", "--after", "0-0", "--skip-gaps", "--url", url],
        log=folder / "follow.log",
    )
    campaign = Campaign(pipeline, pipeline.workers, follow_url=url, **LOAD)
    with ExitStack() as opened, FeedLog(pipeline) as log:
        follow.start()
        opened.callback(follow.kill)
        with campaign.under_load():
            until(lambda: told_to(follow), timeout_s=30, what="it follows")
            freeze(follow)
            opened.enter_context(silent_followers(url, silent))
            memory = Memory(server.pid)
            campaign.supervise(campaign.flows(events), timeout_s=60 + events / 20)
        account = campaign.account()
        grown_mib = memory.grown_mib()
        wake(follow)
        deadline = time.monotonic() + TOLD_S
        while told_to(follow)[-1] != log.fed[-1] and time.monotonic() < deadline:
            time.sleep(0.1)
        told, fed = told_to(follow), log.fed

    campaign.figures(f"coinslot follow frozen at {server.name}", 1, account)
    missed = len(fed) - len(told)
    print(f"{grown_mib} MiB more memory at most with {1 + silent} frozen; of {len(fed)} changes it missed {missed}")
    assert account == CLEAN
    heard = set(told)
    assert told == [id for id in fed if id in heard]  # in order, each once
    return missed


def told_to(follow: Process) -> list[str]:
    """The ids of the whole lines that it has printed."""
    assert follow.log
    lines = follow.log.read_bytes().rpartition(b"\n")[0].split(b"\n")
    return [msgspec.json.decode(line)["_id"] for line in lines if line.startswith(b"{")]


@contextmanager
def silent_followers(url: str, number: int, query: str = "") -> Iterator[None]:
    """Connections that ask for the stream and read nothing."""
    parts = urlsplit(url)
    ask = f"GET {PATH}/stream{query} HTTP/1.1\r\nHost: test\r\nAccept: text/event-stream\r\n\r\n".encode()
    with ExitStack() as opened:
        for _ in range(number):
            connection = opened.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
            connection.connect((parts.hostname, parts.port))
            connection.sendall(ask)
        yield
