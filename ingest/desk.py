"""The desk that all lanes of a process bring the POSTs of one path to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import Any

from ingest import answer
from ingest.answer import Answer, Refused
from ingest.budget import Share
from ingest.commit import GroupCommit, Told, fault
from ingest.dialect import Taken
from ingest.head import Head
from ingest.intake import Intake, is_small
from ingest.turn import TIMEOUT_S, too_many

log = logging.getLogger("coinslot.ingest")

TURN_BYTES = 1024 * 1024

Tell = Callable[[Answer], None]


class Desk:
    """Those that came in one turn of the event loop go into a commit together. Used on the event loop.

    What takes time to be taken apart is, in a thread: one, for others would wait for it anyway (ingest/turn.py).
    timeout_s: for which it is waited for.
    """

    def __init__(self, intake: Intake, commit: GroupCommit, timeout_s: float = TIMEOUT_S) -> None:
        self._intake = intake
        self._commit = commit
        self._timeout_s = timeout_s
        self._thread = ThreadPoolExecutor(1, "intake")
        self._turn: list[tuple[Taken, Tell]] = []
        self._turn_bytes = 0

    def take(self, head: Head, content: bytes, share: Share, tell: Tell) -> None:
        """`tell` is called once, perhaps before this returns."""
        if is_small(head, content):
            self._join_turn(_guarded(self._intake.take, head, content, share.hold), tell)
        else:
            taken = self._thread.submit(self._take_large, head, content, share, monotonic() + self._timeout_s)
            _when_done(taken, self._large_taken, tell)

    def refuse(self, media: str, error: Refused) -> Answer:
        """To whoever is still sending a body of this content type that will not be taken."""
        return self._intake.refuse(media, error)

    def _take_large(self, head: Head, content: bytes, share: Share, until: float) -> Taken | Answer:
        if monotonic() > until:
            return self.refuse(head.media, too_many())
        taken: Taken | Answer = _guarded(self._intake.take, head, content, share.hold)
        return taken

    def _large_taken(self, tell: Tell, taken: Future[Taken | Answer]) -> None:
        self._join_turn(taken.result(), tell)

    def _join_turn(self, taken: Taken | Answer, tell: Tell) -> None:
        if isinstance(taken, Answer):
            tell(taken)
            return
        if not self._turn:
            asyncio.get_running_loop().call_soon(self._join)
        self._turn.append((taken, tell))
        self._turn_bytes += sum(map(len, taken.raws))
        if self._turn_bytes >= TURN_BYTES:
            self._join()

    def _join(self) -> None:
        turn, self._turn, self._turn_bytes = self._turn, [], 0
        if not turn:
            return
        told = _guarded(self._commit.join, [raw for taken, _ in turn for raw in taken.raws])
        if isinstance(told, Answer):
            _tell_all(turn, told)
        else:
            _when_done(told, self._told, turn)

    def _told(self, turn: list[tuple[Taken, Tell]], told: Told) -> None:
        error = _guarded(fault, told)
        if isinstance(error, Answer):
            _tell_all(turn, error)
            return
        for taken, tell in turn:
            _guarded(tell, _guarded(self._intake.finish, taken, error))


def _tell_all(turn: list[tuple[Taken, Tell]], told: Answer) -> None:
    for _, tell in turn:
        _guarded(tell, told)


def _guarded(function: Callable[..., Any], *arguments: Any) -> Any:
    """What it returns, or `crashed()`. A bug of ours in one request must not keep the others of its turn waiting."""
    try:
        return function(*arguments)
    except Exception:
        log.exception("a POST failed")
        return answer.crashed()


def _when_done(future: Future[Any], then: Callable[..., None], what: Any) -> None:
    """Call `then(what, future)` on this event loop."""
    loop = asyncio.get_running_loop()
    future.add_done_callback(lambda done: loop.call_soon_threadsafe(then, what, done))
