"""`coinslot fetch`: stored events, out."""

from __future__ import annotations

import sys

import click

from coinslot.cli import options
from coinslot.client import Client


@click.command()
@options.start
@options.end
@click.option("--limit", type=click.IntRange(min=1), help="Most events.")
@click.option("--desc", is_flag=True, help="Greatest timestamp first.")
@options.url
@options.token
def fetch(start: float | None, end: float | None, limit: int | None, desc: bool, url: str, token: str | None) -> None:
    """Print stored events by timestamp, one line of JSON each."""
    out = sys.stdout.buffer
    with Client(url, token=token, retries=0) as client:
        for line in client.fetch_lines(start, end, limit=limit, descending=desc):
            out.write(line + b"\n")
    out.flush()
