"""The memory for bodies: taken before, given back after, and never more than there is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from ingest.answer import Busy
from ingest.budget import FREE_BYTES, Budget

HALF = FREE_BYTES * 2
WHOLE = HALF * 2


@pytest.fixture
def budget() -> Budget:
    return Budget(WHOLE)


def is_free(budget: Budget, size_bytes: int) -> bool:
    try:
        with budget.share() as share:
            share.hold(size_bytes)
    except Busy:
        return False
    return True


def test_all_of_it_can_be_held_and_not_a_byte_more(budget: Budget) -> None:
    assert is_free(budget, WHOLE)
    assert not is_free(budget, WHOLE + 1)


def test_what_others_hold_is_not_to_be_had_until_they_are_done(budget: Budget) -> None:
    with budget.share() as share:
        share.hold(HALF)
        meanwhile = is_free(budget, HALF), is_free(budget, HALF + 1)

    assert meanwhile == (True, False)
    assert is_free(budget, WHOLE)


def test_who_finds_no_room_is_told_to_come_back(budget: Budget) -> None:
    with pytest.raises(Busy, match=f"bodies of {WHOLE} bytes are being taken already") as caught:
        budget.share().hold(WHOLE + 1)

    assert caught.value.retry_after_s == 1


def test_it_is_given_back_however_a_request_ends(budget: Budget) -> None:
    with pytest.raises(ZeroDivisionError), budget.share() as share:
        share.hold(WHOLE)
        raise ZeroDivisionError

    assert is_free(budget, WHOLE)


def test_a_body_counts_once_by_the_larger_of_its_forms(budget: Budget) -> None:
    with budget.share() as share:
        share.hold(HALF)
        share.hold(WHOLE)
        share.hold(HALF)
        meanwhile = is_free(budget, FREE_BYTES + 1)

    assert not meanwhile
    assert is_free(budget, WHOLE)


def test_a_body_that_inflates_beyond_what_is_left_gives_back_what_it_held(budget: Budget) -> None:
    with budget.share() as other:
        other.hold(HALF)
        with pytest.raises(Busy), budget.share() as share:
            share.hold(HALF)
            share.hold(HALF + 1)

        assert is_free(budget, HALF)


def test_small_bodies_are_let_in_whatever_is_held(budget: Budget) -> None:
    with budget.share() as share:
        share.hold(WHOLE)

        assert is_free(budget, FREE_BYTES)
        assert not is_free(budget, FREE_BYTES + 1)


def test_threads_never_hold_more_than_there_is_and_give_all_of_it_back(budget: Budget) -> None:
    refused = []

    def request(seed: int) -> None:
        random = Random(seed)
        for _ in range(500):
            try:
                with budget.share() as share:
                    share.hold(random.randrange(WHOLE))
                    share.hold(random.randrange(WHOLE))
                    assert budget.held_bytes <= WHOLE
            except Busy:
                refused.append(seed)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(request, range(8)))

    assert budget.held_bytes == 0
    assert is_free(budget, WHOLE)
