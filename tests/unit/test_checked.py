"""The events of a POST: told apart, and refused together."""

from __future__ import annotations

import gc
import weakref

import pytest

from coinslot.analytics.event import AnalyticCheck
from coinslot.events import BadEvent, EventTooLarge
from ingest.analytics import Analytics
from ingest.answer import Refused
from ingest.checked import check_all, refusal
from ingest.head import Head


def upper(event: bytes) -> str:
    if event == b"bad":
        raise BadEvent("it is bad")
    if len(event) > 5:
        raise EventTooLarge("it is large")
    return event.decode().upper()


@pytest.mark.parametrize(
    ("events", "passed", "rejected", "status"),
    [
        ([], [], [], 400),
        ([b"a", b"b"], ["A", "B"], [], 400),
        ([b"a", b"bad", b"b"], ["A", "B"], [{"index": 1, "reason": "it is bad"}], 400),
        (
            [b"larger", b"bad"],
            [],
            [{"index": 0, "reason": "it is large"}, {"index": 1, "reason": "it is bad"}],
            413,
        ),
    ],
)
def test_they_are_told_apart_by_their_place(
    events: list[bytes], passed: list[str], rejected: list[dict[str, object]], status: int
) -> None:
    assert check_all(events, upper) == (passed, rejected, status)


def test_a_refusal_says_how_many_there_were() -> None:
    one, two = ([{"index": n, "reason": "a"} for n in range(many)] for many in (1, 2))

    assert str(refusal(one, 400)) == "1 event was refused, nothing accepted"
    assert str(refusal(two, 413)) == "2 events were refused, nothing accepted"
    assert (refusal(two, 413).status, refusal(two, 413).events) == (413, two)


def test_what_is_refused_is_let_go_at_once() -> None:
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(Refused) as caught:
            Analytics(AnalyticCheck(1_000), 10).sift(Head("application/json"), b"[1]")
        error = weakref.ref(caught.value)
        del caught

        assert error() is None
    finally:
        gc.enable()
