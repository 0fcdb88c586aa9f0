"""Medians, ratios and what is said of a target."""

from __future__ import annotations

import pytest

from benchmarks.benchmark import Quantity, Target
from benchmarks.results import Part, Series
from benchmarks.spread import Spread, ratios, spread
from benchmarks.verdict import judge

RATE = Quantity("rate", "1/s", more_is_better=True)
COST = Quantity("cost", "µs")


def part(**series: list[float | None]) -> Part:
    """Of 5 rounds; `ours` and `theirs`, each of them both as a rate and a cost."""
    made = [
        Series(subject, quantity.name, quantity.unit, values)
        for subject, values in series.items()
        for quantity in (RATE, COST)
    ]
    return Part("", "", "", rounds=5, seconds=1, machine={}, series=made)


def test_a_spread_is_the_median_with_the_least_and_the_greatest_and_knows_no_invalid_round() -> None:
    assert spread([5, 1, 3, None, 100]) == Spread(4, 1, 100, rounds=4)
    assert spread([None, None]) is None


def test_ratios_are_taken_round_by_round() -> None:
    # The machine slows down from round to round, by far more than the two differ.
    assert ratios([200, 100, 50], [100, 50, 25]) == [2, 2, 2]
    assert ratios([1, None, 1], [1, 1, None]) == [1, None, None]
    assert ratios([1], [0]) == [None]


@pytest.mark.parametrize(
    ("quantity", "bound", "said"),
    [(RATE, 100, "met"), (RATE, 101, "missed"), (COST, 100, "met"), (COST, 99, "missed")],
)
def test_a_target_without_a_peer_bounds_the_median_on_the_side_that_is_worse(
    quantity: Quantity, bound: float, said: str
) -> None:
    measured = part(ours=[90, 95, 100, 105, 110])

    verdict = judge(Target("", "ours", quantity, bound), measured)

    assert verdict == (said, Spread(100, 90, 110, rounds=5))


@pytest.mark.parametrize(
    ("quantity", "bound", "said"),
    [(RATE, 1.6, "met"), (RATE, 1.7, "missed"), (COST, 1.6, "met"), (COST, 1.5, "missed")],
)
def test_a_target_with_a_peer_bounds_the_ratio(quantity: Quantity, bound: float, said: str) -> None:
    measured = part(ours=[160, 80, 160, 160, 160], theirs=[100, 50, 100, 100, 100])

    assert judge(Target("", "ours", quantity, bound, peer="theirs"), measured).said == said


def test_few_valid_rounds_or_a_peer_that_was_skipped_decide_nothing() -> None:
    measured = part(ours=[500, 500, None, None, None], theirs=[1, 1, 1, 1, 1])

    assert judge(Target("", "ours", RATE, 1), measured).said == "not measured"
    assert judge(Target("", "theirs", RATE, 1, peer="skipped"), measured).said == "not measured"
    assert judge(Target("", "theirs", RATE, 1), measured).said == "met"
