"""`coinslot count`: how many."""

from __future__ import annotations

import click

from coinslot.cli import options
from coinslot.client import Client


@click.command()
@options.start
@options.end
@options.url
@options.token
def count(start: float | None, end: float | None, url: str, token: str | None) -> None:
    """Print how many events are stored."""
    with Client(url, token=token, retries=0) as client:
        click.echo(client.count(start, end))
