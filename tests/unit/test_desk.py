"""The desk: those who came in one turn of the event loop share a commit, and hear of its end together."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import pytest

from coinslot.errors import QueueUnavailable
from ingest import answer
from ingest.answer import Answer, Refused
from ingest.budget import FREE_BYTES, Budget
from ingest.desk import Desk, Tell
from ingest.dialect import Taken
from ingest.head import Head

HEAD = Head("application/json")
BUG = "a bug of ours"


class Intake:
    """Takes a body as one event; `broken` names what fails."""

    def __init__(self, broken: str = "") -> None:
        self.broken = broken
        self.threads: list[str] = []

    def take(self, head: Head, content: bytes, hold: Any) -> Taken | Answer:
        self._break("take")
        self.threads.append(threading.current_thread().name)
        if content == b"bad":
            return answered(b"refused")
        return Taken([content], answered(content), as_text=False)

    def finish(self, taken: Taken, fault: QueueUnavailable | None) -> Answer:
        self._break("finish")
        return answered(str(fault).encode()) if fault else taken.answer

    def refuse(self, media: str, error: Refused) -> Answer:
        return answer.refused(error, as_text=False)

    def _break(self, what: str) -> None:
        if what == self.broken:
            raise ZeroDivisionError(BUG)


class Commit:
    """Commits that end when they are told to."""

    def __init__(self) -> None:
        self.joined: list[tuple[list[bytes], Future[None]]] = []

    def join(self, raws: Sequence[bytes]) -> Future[None]:
        self.joined.append((list(raws), Future()))
        return self.joined[-1][1]


def answered(body: bytes) -> Answer:
    return Answer(answer.STATUS[201], answer.TEXT, body)


async def turn() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


async def taken(desk: Desk, *contents: bytes) -> list[Answer]:
    """What whoever brought these has been told, as it is told."""
    told: list[Answer] = []
    for content in contents:
        desk.take(HEAD, content, Budget(0).share(), told.append)
    await turn()
    return told


def at_the_desk(play: Any, intake: Intake | None = None, commit: Any = None, timeout_s: float = 10) -> Any:
    async def run() -> Any:
        return await play(Desk(intake or Intake(), commit, timeout_s))  # type: ignore[arg-type]

    return asyncio.run(run())


def test_those_of_one_turn_share_a_commit_and_are_told_together_once_it_ended() -> None:
    commit = Commit()

    async def play(desk: Desk) -> None:
        first = await taken(desk, b"1", b"2")
        second = await taken(desk, b"3")
        assert [raws for raws, _ in commit.joined] == [[b"1", b"2"], [b"3"]]
        assert first == second == []
        commit.joined[1][1].set_result(None)
        await turn()
        assert (first, second) == ([], [answered(b"3")])
        commit.joined[0][1].set_result(None)
        await turn()
        assert first == [answered(b"1"), answered(b"2")]

    at_the_desk(play, commit=commit)


def test_what_is_refused_is_told_at_once_and_joins_nothing() -> None:
    commit = Commit()

    told = at_the_desk(lambda desk: taken(desk, b"bad"), commit=commit)

    assert told == [answered(b"refused")]
    assert commit.joined == []


def test_a_turn_of_many_bytes_is_several_commits() -> None:
    commit = Commit()

    at_the_desk(lambda desk: taken(desk, *[b"x" * FREE_BYTES] * 40), commit=commit)

    assert len(commit.joined) == 3
    assert sum(len(raws) for raws, _ in commit.joined) == 40


def test_where_the_queue_is_not_there_all_are_told_so() -> None:
    commit = Commit()

    async def play(desk: Desk) -> list[Answer]:
        told = await taken(desk, b"1", b"2")
        commit.joined[0][1].set_exception(QueueUnavailable("no queue"))
        await turn()
        return told

    assert at_the_desk(play, commit=commit) == [answered(b"no queue")] * 2


def test_a_large_body_is_taken_apart_in_a_thread_and_joins_a_commit_all_the_same() -> None:
    commit, intake = Commit(), Intake()
    large = b"x" * (FREE_BYTES + 1)

    async def play(desk: Desk) -> list[Answer]:
        told = await taken(desk, large)
        await until(lambda: bool(commit.joined))
        commit.joined[0][1].set_result(None)
        await until(lambda: bool(told))
        return told

    assert at_the_desk(play, intake, commit) == [answered(large)]
    assert intake.threads == ["intake_0"]


def test_who_waits_too_long_for_that_thread_is_told_to_come_back() -> None:
    async def play(desk: Desk) -> list[Answer]:
        told = await taken(desk, b"x" * (FREE_BYTES + 1))
        await until(lambda: bool(told))
        return told

    (told,) = at_the_desk(play, commit=Commit(), timeout_s=-1)

    assert (told.status, told.retry_after_s) == (answer.STATUS[503], 1)


@pytest.mark.parametrize("broken", ["take", "take of a large body", "join", "commit", "finish"])
def test_a_bug_is_500_to_all_whom_it_touches_and_the_log_tells_us(
    broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Commit):
        def join(self, raws: Sequence[bytes]) -> Future[None]:
            if broken == "join":
                raise ZeroDivisionError(BUG)
            told = super().join(raws)
            if broken == "commit":
                told.set_exception(ZeroDivisionError(BUG))
            else:
                told.set_result(None)
            return told

    async def play(desk: Desk) -> list[Answer]:
        told: list[Answer] = []
        size = FREE_BYTES + 1 if "large" in broken else 1
        for _ in range(2):
            desk.take(HEAD, b"x" * size, Budget(0).share(), told.append)
        await until(lambda: len(told) == 2)
        return told

    with caplog.at_level(logging.ERROR, "coinslot.ingest"):
        told = at_the_desk(play, Intake(broken.split()[0]), Broken())

    assert told == [answer.crashed()] * 2
    assert BUG in caplog.text
    assert BUG.encode() not in told[0].body


def test_one_that_cannot_be_told_keeps_no_word_from_the_others(caplog: pytest.LogCaptureFixture) -> None:
    commit, told = Commit(), list[Answer]()

    def gone(answer: Answer) -> None:
        raise ZeroDivisionError(BUG)

    async def play(desk: Desk) -> None:
        tells: list[Tell] = [gone, told.append]
        for tell in tells:
            desk.take(HEAD, b"1", Budget(0).share(), tell)
        await turn()
        commit.joined[0][1].set_result(None)
        await turn()

    at_the_desk(play, commit=commit)

    assert told == [answered(b"1")]
    assert BUG in caplog.text
