"""`coinslot selftest` on something that loses: make test-faults."""

from __future__ import annotations

import re

from tests.acceptance.test_selftest import LOSS, on_workers


def test_positive_control_on_workers_that_acknowledge_before_they_write_it_sees_the_loss() -> None:
    done = on_workers("tests.faults.hasty_worker")

    assert re.fullmatch(LOSS, done.stdout), done
    assert done.returncode == 1
