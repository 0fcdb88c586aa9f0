"""Dead letters as a terminal of 80 columns shows them."""

from __future__ import annotations

from coinslot.cli.letters import rows
from coinslot.client import DeadLetter

AT_MS = 1_700_000_000_000
REASON = "Document failed validation: country is not one of those that this collection takes"


def letter(reason: str, accepted_at_ms: int | None = AT_MS - 60_000) -> DeadLetter:
    return DeadLetter(f"{AT_MS}-12", reason, 5, accepted_at_ms, AT_MS, 1000, 8_388_608)


def test_the_figures_fit_into_80_columns_and_the_reason_has_a_line_of_its_own() -> None:
    head, figures, reason = rows([letter(REASON)])

    assert head.split() == ["id", "accepted", "died", "attempts", "events", "bytes"]
    assert len(head) == len(figures) == 80
    assert "2023-11-14 22:12:20 2023-11-14 22:13:20" in figures
    assert reason == f"    {REASON}"


def test_a_reason_of_several_lines_is_indented_and_without_control_characters() -> None:
    *_, reason = rows([letter("one\ntwo\x1b[31m", accepted_at_ms=None)])

    assert reason == "    one\n    two\\x1b[31m"
