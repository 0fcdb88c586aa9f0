"""What a doctor's findings come to."""

from __future__ import annotations

from collections.abc import Iterable

from coinslot.doctor.finding import Finding


def not_ok(findings: Iterable[Finding]) -> dict[str, str]:
    """The states of those that are not ok, by name. Fails where one says no remedy."""
    found = [finding for finding in findings if finding.state != "ok"]
    assert [finding for finding in found if not finding.remedy] == []
    return {finding.name: finding.state for finding in found}
