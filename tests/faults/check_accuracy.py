"""How often filters err, and what they weigh, up to a million users: make test-faults."""

from __future__ import annotations

import pytest

from tests.analytics.accuracy import measure
from tests.analytics.counting import Counted

STRANGERS = 500_000
FIXED = [("bloom_fixed_size", users, users) for users in (1000, 10_000, 100_000, 1_000_000)]
# So many users that the last layer is full: there memory is held against theory.
AT = ((1000, 1000), (1000, 7000), (10_000, 150_000), (100_000, 100_000), (100_000, 1_000_000))
SCALABLE = [("bloom_scalable", size, users) for size, users in AT]


@pytest.mark.parametrize("error", [0.01, 0.001])
@pytest.mark.parametrize(("type", "size", "users"), [*FIXED, *SCALABLE])
def test_a_filter_errs_and_weighs_no_more_than_it_may(
    redis_url: str, prefix: str, type: str, size: int, users: int, error: float
) -> None:
    rule = {"type": type, "size": size, "error_probability": error}
    counted = Counted(redis_url=redis_url, key_prefix=prefix, counters=[rule])

    accuracy = measure(counted, users, strangers=STRANGERS)

    counted.forget()
    counted.close()
    print(f"\n{type} for {size:,}, {accuracy}")
    assert accuracy.share <= accuracy.allowed
    assert users * (1 - error) <= accuracy.count <= users
    assert accuracy.missed == 0
    # Each layer that a scalable filter has grown by takes a smaller share of error than the one before.
    assert accuracy.filter_bytes <= (1.5 if accuracy.layers == 1 else 1.6) * accuracy.theory_bytes
    assert accuracy.redis_bytes <= accuracy.allocated_bytes
