"""A trial: a load and a resuming follower on one server, and the account of it at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from coinslot.client import Client, Unavailable
from coinslot.errors import NotReady
from coinslot.selftest.account import Account, draw_up
from coinslot.selftest.journal import Journal
from coinslot.selftest.load import Load
from coinslot.selftest.witness import Witness

SETTLE_TIMEOUT_S = 120.0  # what a killed worker held is taken over after CLAIM_IDLE_S
TELL_TIMEOUT_S = 30.0
TICK_S = 0.1


class _Id(msgspec.Struct):
    id: str = msgspec.field(name="_id")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a trial."""

    acknowledged: int
    stored: int
    account: Account

    def __str__(self) -> str:
        return (
            f"{self.acknowledged:,} acknowledged, {self.stored:,} stored, {self.account.lost:,} lost, "
            f"{self.account.twice:,} twice, {self.account.unfed:,} missing from the feed"
        )


class Trial:
    """On a server that holds nothing else: all that is stored there counts. `tick` is called while it waits."""

    def __init__(self, url: str, tick: Callable[[], None] = lambda: None) -> None:
        self.journal = Journal()
        self._url = url
        self._tick = tick
        self._witness = Witness(url)

    @contextmanager
    def under_load(self) -> Iterator[None]:
        """`with` it: events are posted meanwhile. Raises Unavailable if following does not begin."""
        self._witness.start()
        with Load(self._url, self.journal):
            yield

    def verdict(self) -> Verdict:
        """Wait until everything is settled and told, and draw up the account. Raises NotReady if it never is."""
        with Client(self._url, retries=0) as client:
            if not self._wait(lambda: _is_settled(client), SETTLE_TIMEOUT_S):
                raise NotReady(f"events are still queued {SETTLE_TIMEOUT_S:g} s after the last was sent")
            stored = [msgspec.json.decode(line, type=_Id).id for line in client.fetch_lines()]
            what = client.audit()["what"]
        self._wait(lambda: self._witness.seen.issuperset(stored), TELL_TIMEOUT_S)
        self._witness.stop()
        journal = self.journal
        account = draw_up(journal.acknowledged, journal.attempted, stored, self._witness.seen, what)
        return Verdict(len(journal.acknowledged), len(stored), account)

    def _wait(self, until: Callable[[], bool], timeout_s: float) -> bool:
        """Whether it came true in time."""
        deadline = time.monotonic() + timeout_s
        while not until():
            if time.monotonic() >= deadline:
                return False
            self._tick()
            time.sleep(TICK_S)
        return True


def _is_settled(client: Client) -> bool:
    try:
        return bool(client.audit()["queued_messages"] == 0)
    except Unavailable:
        return False  # it is on its way up again
