"""The judge of followers: what it calls missing, repeated and unknown, and a gap that is none."""

from __future__ import annotations

import pytest

from tests.faults.follower import Told
from tests.faults.report import Report, draw_up

ALL = [Told(f"{n}-0", str(n)) for n in range(1, 8)]
FED = [each.id for each in ALL]


def gap(after: int, oldest: int) -> Told:
    """As api tells it: `oldest` is a cursor just before the oldest change left."""
    return Told(f"{oldest - 1}-18446744073709551615", gap_after=f"{after}-0")


@pytest.mark.parametrize(
    ("told", "report"),
    [
        (ALL, Report()),
        ([*ALL[:3], *ALL[4:]], Report(missing=1)),
        (ALL[:-2], Report(missing=2)),
        ([], Report(missing=7)),
        ([*ALL[:3], ALL[2], *ALL[3:]], Report(repeated=1)),
        ([*ALL[:3], ALL[4], ALL[3], *ALL[5:]], Report(missing=1, repeated=1)),
        ([*ALL, Told("9-0", "9")], Report(unknown=1)),
        ([*ALL[:-1], ALL[-1]._replace(id="x")], Report(unknown=1, missing=1)),
        ([*ALL[:2], gap(2, 5), *ALL[4:]], Report(gaps=1, skipped=2)),
        ([*ALL[:2], gap(2, 5), *ALL[4:5], *ALL[6:]], Report(gaps=1, skipped=2, missing=1)),
        ([*ALL[:2], gap(2, 3), *ALL[2:]], Report(gaps=1, false_gaps=1)),
        ([*ALL[:2], gap(1, 5), *ALL[4:]], Report(gaps=1, skipped=2, false_gaps=1)),
        ([*ALL[:2], gap(2, 9)], Report(gaps=1, missing=5)),
    ],
)
def test_a_report_counts_each_fault(told: list[Told], report: Report) -> None:
    assert draw_up(told, FED) == report
    assert report.is_right == (report.missing + report.unknown + report.false_gaps == 0)
