"""`coinslot selftest` on something that loses: make test-faults."""

from __future__ import annotations

import re

from tests.acceptance.test_selftest import selftest


def test_positive_control_on_workers_that_acknowledge_before_they_write_it_sees_the_loss() -> None:
    done = selftest("--seconds", "1", command=["tests.faults.hasty_selftest"], DB_BACKEND="sqlite")

    assert re.fullmatch(r"selftest: [\d,]+ acknowledged, [\d,]+ stored, [1-9][\d,]* lost, .*\n", done.stdout), done
    assert done.returncode == 1
    assert "Account(" not in done.stderr
