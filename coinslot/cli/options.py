"""The options that several commands share."""

from __future__ import annotations

import math

import click

from coinslot.access.tokens import check_token
from coinslot.client import DEFAULT_URL
from coinslot.client.connection import checked_url
from coinslot.keys import ANALYTICS, EVENTS


def number(text: str) -> int | float:
    """A timestamp as the API takes it. An int stays one: a float would round the large ones."""
    try:
        return int(text)
    except ValueError:
        value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _server(ctx: click.Context, param: click.Parameter, value: str) -> str:
    try:
        return checked_url(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _token(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    try:
        return check_token(value) if value else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


url = click.option(
    "--url", envvar="COINSLOT_URL", default=DEFAULT_URL, show_default=True, show_envvar=True, callback=_server,
    help="The server.",
)  # fmt: skip
token = click.option(
    "--token", envvar="COINSLOT_TOKEN", show_envvar=True, callback=_token,
    help="For a server that asks for one; better in the variable, for others can see a command's options.",
)  # fmt: skip
queue = click.option(
    "--queue", type=click.Choice([EVENTS, ANALYTICS]), default=EVENTS, show_default=True, help="Which queue's.",
)  # fmt: skip
start = click.option("--start", type=number, help="Smallest timestamp.")
end = click.option("--end", type=number, help="Greatest timestamp.")
