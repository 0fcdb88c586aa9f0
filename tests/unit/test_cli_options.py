"""What the commands take and refuse, before any server is asked."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from coinslot.cli import COMMANDS, main
from coinslot.cli.options import number


@pytest.mark.parametrize("text", ["1431857103000", "-1", "9007199254740993"])
def test_a_whole_number_stays_one(text: str) -> None:
    value = number(text)

    assert str(value) == text


def test_a_fraction_is_a_float() -> None:
    assert number("1333046104.322") == 1333046104.322


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "noon", ""])
def test_what_is_no_finite_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        number(text)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(main, [command, "--help"])

    assert result.exit_code == 0
    assert f"Usage: main {command}" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["send"],
        ["send", "no-such-file"],
        ["count", "--start", "noon"],
        ["fetch", "--limit", "0"],
        ["follow", "--url", "localhost:3000"],
        ["dance"],
    ],
)
def test_what_is_asked_wrongly_exits_2_and_says_why(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, arguments)

    assert result.exit_code == 2
    assert "Error: " in result.output


def test_an_unreachable_server_is_one_line_and_exits_1() -> None:
    result = CliRunner().invoke(main, ["count", "--url", "http://127.0.0.1:1"])

    assert result.exit_code == 1
    assert result.output == "coinslot: http://127.0.0.1:1 cannot be reached: [Errno 111] Connection refused\n"
