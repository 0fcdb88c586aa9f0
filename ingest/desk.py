"""The desk that all lanes of a process bring their requests to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from ingest.answer import Answer, crashed
from ingest.budget import Share
from ingest.commit import GroupCommit, fault
from ingest.intake import Intake, Request, Taken

log = logging.getLogger("coinslot.ingest")

Tell = Callable[[Answer], None]
Finish = Callable[[Any], Answer]  # of a future that is done


class Desk:
    """Takes small requests at once; those that came in one turn of the event loop go into a commit together.

    What takes time to be taken apart goes to a thread, which waits for its commit too. Used on the event loop.
    """

    def __init__(self, intake: Intake, commit: GroupCommit, threads: int) -> None:
        self._intake = intake
        self._commit = commit
        self._threads = ThreadPoolExecutor(threads, "intake")
        self._turn: list[tuple[Taken, Tell]] = []
        self._waiting: dict[Future[Any], list[tuple[Finish, Tell]]] = {}

    def take(self, request: Request, share: Share, tell: Tell) -> None:
        """`tell` is called once, perhaps before this returns."""
        if not request.is_small:
            thread = _guarded(self._threads.submit, self._intake, request, share.hold)
            self._when_done(thread, Future.result, tell)
            return
        taken = _guarded(self._intake.take, request, share.hold)
        if isinstance(taken, Answer):
            tell(taken)
            return
        if not self._turn:
            asyncio.get_running_loop().call_soon(self._join)
        self._turn.append((taken, tell))

    def _join(self) -> None:
        turn, self._turn = self._turn, []
        for taken, tell in turn:
            self._when_done(_guarded(self._commit.join, taken.raws), partial(self._finish, taken), tell)

    def _finish(self, taken: Taken, told: Future[None]) -> Answer:
        return self._intake.finish(taken, fault(told))

    def _when_done(self, future: Future[Any] | Answer, finish: Finish, tell: Tell) -> None:
        if isinstance(future, Answer):  # to a bug
            tell(future)
            return
        waiting = self._waiting.get(future)
        if waiting is not None:
            waiting.append((finish, tell))
            return
        self._waiting[future] = [(finish, tell)]
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda done: loop.call_soon_threadsafe(self._tell_all, done))

    def _tell_all(self, done: Future[Any]) -> None:
        for finish, tell in self._waiting.pop(done):
            tell(_guarded(finish, done))


def _guarded(answer: Callable[..., Any], *arguments: Any) -> Any:
    """What it returns; where it fails, which is a bug of ours, the answer to that."""
    try:
        return answer(*arguments)
    except Exception:
        log.exception("a POST failed")
        return crashed()
