"""The desk that all lanes of a process bring their requests to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from ingest.answer import Answer, crashed
from ingest.budget import Share
from ingest.commit import GroupCommit, Told, fault
from ingest.head import Head
from ingest.intake import Intake, Taken, is_small

log = logging.getLogger("coinslot.ingest")

TURN_BYTES = 1024 * 1024

Tell = Callable[[Answer], None]


class Desk:
    """Takes small requests at once; those that came in one turn of the event loop go into a commit together.

    What takes time to be taken apart goes to a thread, which waits for its commit too. Used on the event loop.
    """

    def __init__(self, intake: Intake, commit: GroupCommit, threads: int) -> None:
        self._intake = intake
        self._commit = commit
        self._threads = ThreadPoolExecutor(threads, "intake")
        self._turn: list[tuple[Taken, Tell]] = []
        self._turn_bytes = 0

    def take(self, head: Head, content: bytes, share: Share, tell: Tell) -> None:
        """`tell` is called once, perhaps before this returns."""
        if not is_small(head, content):
            _when_done(self._threads.submit(self._intake, head, content, share.hold), self._tell_one, tell)
            return
        try:
            taken = self._intake.take(head, content, share.hold)
        except Exception:
            log.exception("a POST failed")
            taken = crashed()
        if isinstance(taken, Answer):
            tell(taken)
            return
        if not self._turn:
            asyncio.get_running_loop().call_soon(self._join)
        self._turn.append((taken, tell))
        self._turn_bytes += len(content)
        if self._turn_bytes >= TURN_BYTES:
            self._join()

    def _join(self) -> None:
        turn, self._turn, self._turn_bytes = self._turn, [], 0
        if not turn:
            return
        try:
            told = self._commit.join([raw for taken, _ in turn for raw in taken.raws])
        except Exception:
            log.exception("a commit failed")
            _tell([tell for _, tell in turn], [crashed()] * len(turn))
        else:
            _when_done(told, self._tell_all, turn)

    def _tell_one(self, tell: Tell, answered: Future[Answer]) -> None:
        try:
            answer = answered.result()
        except Exception:
            log.exception("a POST failed")
            answer = crashed()
        tell(answer)

    def _tell_all(self, turn: list[tuple[Taken, Tell]], told: Told) -> None:
        try:
            error = fault(told)
            answers = [self._intake.finish(taken, error) for taken, _ in turn]
        except Exception:
            log.exception("a commit failed")
            answers = [crashed()] * len(turn)
        _tell([tell for _, tell in turn], answers)


def _tell(tells: list[Tell], answers: list[Answer]) -> None:
    for tell, answer in zip(tells, answers, strict=True):
        try:
            tell(answer)
        except Exception:  # of one connection; the others are told all the same
            log.exception("an answer was not sent")


def _when_done(future: Future[Any], then: Callable[..., None], what: Any) -> None:
    """Call `then(what, future)` on this event loop."""
    loop = asyncio.get_running_loop()
    future.add_done_callback(lambda done: loop.call_soon_threadsafe(then, what, done))
