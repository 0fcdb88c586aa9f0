"""What makes a round of a benchmark invalid."""

from __future__ import annotations

import os
import shutil

import pytest

from benchmarks.benchmark import Invalid
from benchmarks.http.contender import check_kept
from benchmarks.http.event import JSON
from benchmarks.http.wrk import load
from tests.canned import Answer, canned


def test_all_that_was_acknowledged_and_what_was_in_flight_may_be_there() -> None:
    check_kept(requests=1000, stored=1000, events_each=1)
    check_kept(requests=1000, stored=1128, events_each=1)
    check_kept(requests=10, stored=5000, events_each=500)


@pytest.mark.parametrize("stored", [0, 999, 1129])
def test_positive_control_an_event_too_few_or_too_many_is_seen(stored: int) -> None:
    with pytest.raises(Invalid, match=f"1000 events were acknowledged, {stored} are there"):
        check_kept(requests=1000, stored=stored, events_each=1)


@pytest.mark.skipif(not shutil.which("wrk"), reason="needs Debian's wrk")
def test_wrk_counts_what_was_refused_and_what_got_no_answer() -> None:
    answers = [Answer(status=201), Answer(status=0), Answer(status=400)]

    with canned(*answers) as server:  # and 500 from then on
        tally = load(server.url, "POST", JSON, 1, frozenset(os.sched_getaffinity(0)))

    assert tally.requests - tally.refused == 1
    assert tally.broken >= 1
    assert {(request.method, request.body) for request in server.requests} == {("POST", JSON.text.encode())}
