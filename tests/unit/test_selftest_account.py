"""The account of a trial, and the trouble that a seed makes."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from coinslot.selftest.account import CLEAN, draw_up
from coinslot.selftest.journal import Journal
from coinslot.selftest.nemesis import Nemesis
from coinslot.selftest.trial import Verdict

SENT = {"a", "b", "c"}


def test_where_all_that_was_acknowledged_is_stored_once_and_told_the_account_is_clean() -> None:
    assert draw_up({"a", "b"}, SENT, stored=["a", "b", "c"], fed=SENT, what="") == CLEAN


@pytest.mark.parametrize(
    ("stored", "fed", "figure"),
    [
        (["a"], {"a"}, "lost"),
        (["a", "b", "x"], {"a", "b", "x"}, "unexpected"),
        (["a", "b", "b"], {"a", "b"}, "twice"),
        (["a", "b", "c"], {"a", "b"}, "unfed"),
    ],
)
def test_each_figure_counts_its_own_fault(stored: list[str], fed: set[str], figure: str) -> None:
    account = draw_up({"a", "b"}, SENT, stored, fed, what="")

    assert {name: getattr(account, name) for name in ("lost", "unexpected", "twice", "unfed")} == {
        **dict.fromkeys(("lost", "unexpected", "twice", "unfed"), 0),
        figure: 1,
    }


@pytest.mark.parametrize(
    ("stored", "dead", "expected"),
    [
        (["a"], ["b"], {"dead": 1}),
        (["a"], ["b", "b"], {"dead": 1, "twice": 1}),
        (["a", "b"], ["b"], {"dead": 1, "twice": 1}),
        (["a"], ["b", "x"], {"dead": 2, "unexpected": 1}),
        ([], ["b"], {"dead": 1, "lost": 1}),
    ],
)
def test_what_is_in_dead_letters_is_not_lost_but_dead_and_may_be_there_once(
    stored: list[str], dead: list[str], expected: dict[str, int]
) -> None:
    account = draw_up({"a", "b"}, SENT, stored, set(stored), what="", dead=dead)

    assert account == replace(CLEAN, **expected)


def test_what_the_verdict_does_not_tell_is_said_in_words() -> None:
    account = replace(CLEAN, lost=1, unexpected=1_234, left=3, dead=2, what="2 events were accepted, 1 settled")

    assert CLEAN.faults == replace(CLEAN, lost=1, twice=1, unfed=1).faults == []
    assert account.faults == [
        "1,234 stored that were never sent",
        "3 messages left in the queue",
        "2 in dead letters",
        "the ledger does not balance: 2 events were accepted, 1 settled",
    ]


def test_a_verdict_reads_as_one_line() -> None:
    verdict = Verdict(12_345, 12_344, draw_up({"a"}, {"a"}, [], set(), what=""))

    assert str(verdict) == "12,345 acknowledged, 12,344 stored, 1 lost, 0 twice, 0 missing from the feed"


def test_an_event_that_was_refused_and_then_acknowledged_is_acknowledged() -> None:
    journal = Journal()
    journal.refuse(["a", "b"], 503)
    journal.forget(["b", "c"])
    journal.acknowledge(["a"])

    assert (journal.acknowledged, journal.refused, journal.unknown) == ({"a"}, set(), {"b", "c"})
    assert journal.attempted == {"a", "b", "c"}


def test_the_same_seed_makes_the_same_trouble() -> None:
    def trouble(seed: int) -> list[str]:
        done: list[str] = []
        nemesis = Nemesis({name: lambda name=name: done.append(name) for name in "abc"}, (0, 0), seed)
        for _ in range(20):
            nemesis.run_once()
        return done

    assert trouble(1) == trouble(1) != trouble(2)


def test_what_an_action_raises_is_raised_where_the_nemesis_is_stopped() -> None:
    begun = threading.Event()

    def fail() -> None:
        begun.set()
        raise ValueError("the action failed")

    nemesis = Nemesis({"fail": fail}, (0, 0), seed=1)
    nemesis.start()
    begun.wait(5)

    with pytest.raises(ValueError, match="the action failed"):
        nemesis.stop()
