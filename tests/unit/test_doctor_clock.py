"""How far clocks are apart, and from where on that matters."""

from __future__ import annotations

import pytest

from coinslot.doctor.clock import Reading, compare

MAX_AGE_S = 60.0


@pytest.mark.parametrize(
    ("skew_s", "state"),
    [(0, "ok"), (5.9, "ok"), (-5.9, "ok"), (6.1, "warning"), (-6.1, "warning"), (59, "warning"), (60, "wrong")],
)
def test_a_tenth_of_what_ready_allows_is_a_warning_and_all_of_it_is_wrong(skew_s: float, state: str) -> None:
    reading = Reading(1000 + skew_s, 1000, 1000)

    assert compare("clock", "its", reading, MAX_AGE_S).state == state


def test_a_clock_that_nothing_goes_by_is_never_wrong() -> None:
    reading = Reading(5000, 1000, 1000)

    assert compare("clock", "its", reading, MAX_AGE_S, is_compared=False).state == "warning"


@pytest.mark.parametrize(("there_s", "says"), [(1010, "10.0 s ahead of"), (990, "10.0 s behind")])
def test_it_says_which_way(there_s: float, says: str) -> None:
    finding = compare("clock", "its", Reading(there_s, 1000, 1000), MAX_AGE_S)

    assert f"its clock is {says} this machine's" in finding.seen


@pytest.mark.parametrize("there_s", [1000, 1005, 1010])
def test_what_a_slow_answer_explains_is_no_skew(there_s: float) -> None:
    assert Reading(there_s, before_s=1000, after_s=1010).skew_s == 0


@pytest.mark.parametrize("there_s", [999, 1000])
def test_nor_is_what_a_clock_of_whole_seconds_leaves_out(there_s: float) -> None:
    assert Reading(there_s, 1000, 1000, tick_s=1).skew_s == 0


def test_beyond_both_it_is() -> None:
    assert Reading(1020, before_s=1000, after_s=1010, tick_s=1).skew_s == pytest.approx(10)
    assert Reading(979, before_s=1000, after_s=1010, tick_s=1).skew_s == pytest.approx(-20)
