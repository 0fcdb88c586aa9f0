"""Turns at what takes much memory."""

from __future__ import annotations

import pytest

from ingest.answer import Busy
from ingest.turn import Turn


def test_who_waits_too_long_for_a_turn_is_told_to_come_back() -> None:
    turn = Turn(timeout_s=0.01)

    with turn, pytest.raises(Busy, match="too many large bodies at once") as caught, turn:
        pass

    assert caught.value.retry_after_s == 1


def test_a_turn_is_over_however_it_ends() -> None:
    turn = Turn(timeout_s=0.01)
    with pytest.raises(ZeroDivisionError), turn:
        raise ZeroDivisionError

    with turn:
        pass
