"""The `coinslot` command.

Exit status: 0 it did what was asked; 1 it failed, and one line on stderr says why; 2 it was asked wrongly.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

from coinslot.errors import CoinslotError

COMMANDS = ("up", "send", "fetch", "count", "follow", "audit", "dead", "erase", "doctor", "selftest")


class Commands(click.Group):
    """Commands that are imported when they are named, each from the module of its name: `up` is heavy."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"coinslot.cli.{cmd_name}"), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CoinslotError as error:
            click.echo(f"coinslot: {error}", err=True)
            sys.exit(1)
        except BrokenPipeError:
            # The reader has seen enough, as `head` does. What is still buffered must not fail again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)


@click.group(cls=Commands)
@click.version_option(package_name="coinslot")
def main() -> None:
    """Run an event bank, send events to one, and get them out of it."""
