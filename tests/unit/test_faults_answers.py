"""The judge of refusals, and that of memory."""

from __future__ import annotations

import pytest

from tests.faults.answers import Refusal
from tests.faults.gauges import Gauges


@pytest.mark.parametrize(
    ("retry_after_s", "room_after_s", "is_honest"),
    [
        (10, 10, True), (10, 5, True), (10, 20, True), (10, 4.9, False), (10, 21, False),
        (1, 0.01, True), (2, 0.01, True), (3, 0.01, False), (60, 1000, True), (29, 1000, False),
    ],
)  # fmt: skip
def test_a_refusal_is_honest_within_a_factor_of_two(retry_after_s: int, room_after_s: float, is_honest: bool) -> None:
    assert Refusal(retry_after_s, room_after_s).is_honest == is_honest


@pytest.mark.parametrize(
    ("row", "is_flat"),
    [
        ([50, 60, 70, 80], True),
        ([50, 60, 70, 81], False),
        ([1000, 1000, 1100, 1000], True),
        ([1000, 1000, 1101, 1000], False),
        ([500, 50, 50, 50], True),
    ],
)
def test_memory_is_flat_if_its_second_half_needs_no_more_than_a_tenth_or_20_mib_more(
    row: list[int], is_flat: bool
) -> None:
    gauges = Gauges({"memory": int})

    gauges.rows["memory"] = row

    assert gauges.is_flat("memory") == is_flat
