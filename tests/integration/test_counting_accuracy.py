"""Filters keep to the share of errors that is configured, and to 1.5 times the memory that theory asks for.

Up to a million users, and beyond what they were made for: tests/faults/check_accuracy.py.
"""

from __future__ import annotations

import pytest

from tests.analytics.accuracy import measure
from tests.analytics.counting import Counted

FIXED, SCALABLE = "bloom_fixed_size", "bloom_scalable"
SMALL = [(type, users, error) for type in (FIXED, SCALABLE) for users in (1000, 10_000) for error in (0.01, 0.001)]


@pytest.mark.parametrize(("type", "users", "error"), [*SMALL, (SCALABLE, 30_000, 0.001)])
def test_a_filter_at_its_capacity_errs_and_weighs_no_more_than_it_may(
    redis_url: str, prefix: str, type: str, users: int, error: float
) -> None:
    rule = {"type": type, "size": users, "error_probability": error}
    counted = Counted(redis_url=redis_url, key_prefix=prefix, counters=[rule])

    accuracy = measure(counted, users, strangers=100_000)

    counted.close()
    assert accuracy.share <= accuracy.allowed
    assert users * (1 - error) <= accuracy.count <= users
    assert accuracy.missed == 0
    assert accuracy.filter_bytes <= 1.5 * accuracy.theory_bytes
    assert accuracy.redis_bytes <= accuracy.allocated_bytes
