"""`coinslot audit`: the ledger."""

from __future__ import annotations

import sys
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table

from coinslot.cli import options
from coinslot.client import Client


@click.command()
@options.queue
@options.url
@options.token
def audit(queue: str, url: str, token: str | None) -> None:
    """Show the ledger; fail if an event is unaccounted for.

    In that of analytics the events that were counted are the stored ones.
    """
    with Client(url, token=token, retries=0) as client:
        ledger = client.audit(queue=queue)
    Console().print(_table(ledger))
    if erased := ledger.get("erased"):
        click.echo(f"{erased:,} event(s) erased, of those stored and dead")
    if letters := ledger.get("dead_letters"):
        click.echo(f"{letters:,} dead letter(s): `coinslot dead list --queue {queue}`")
    if halted := ledger.get("halted"):
        click.echo(f"coinslot: HALTED, workers store nothing: {halted}; see `coinslot dead resume`", err=True)
    if not ledger["balanced"]:
        click.echo(f"coinslot: the ledger does not balance: {ledger['what']}", err=True)
        sys.exit(1)
    click.echo("balanced: accepted = stored + duplicate + dead + queued")


def _table(ledger: dict[str, Any]) -> Table:
    table = Table("", Column("events", justify="right"))
    for name in ("accepted", "stored", "duplicate", "dead", "queued"):
        table.add_row(name, f"{ledger[name]:,}")
    return table
