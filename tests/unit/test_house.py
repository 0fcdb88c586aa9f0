"""The rules of the house that a machine can keep."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
PROCESSES = {"ingest", "worker", "api", "sidecar"}


def imported(source: str) -> Iterator[str]:
    """The top-level packages that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def trespasses(room: str, source: str) -> set[str]:
    """What a module in this folder imports and may not."""
    return set(imported(source)) & (PROCESSES - {room})


@pytest.mark.parametrize("room", [*sorted(PROCESSES), "coinslot"])
def test_processes_import_only_what_they_share_and_what_they_share_imports_none_of_them(room: str) -> None:
    modules = list((HOUSE / room).rglob("*.py"))

    guilty = {str(path): found for path in modules if (found := trespasses(room, path.read_text()))}

    assert modules
    assert guilty == {}


def test_positive_control_a_trespass_is_seen_in_every_form_of_import() -> None:
    forms = ["import worker.loop", "from worker import loop", "def f():\n    from worker.loop import Worker"]

    assert [trespasses("coinslot", form) for form in forms] == [{"worker"}] * 3


def test_no_relative_imports_that_the_rule_would_not_see() -> None:
    modules = [path for room in [*PROCESSES, "coinslot"] for path in (HOUSE / room).rglob("*.py")]

    relative = [
        str(path)
        for path in modules
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.level
    ]

    assert relative == []
