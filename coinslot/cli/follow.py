"""`coinslot follow`: changes as they happen."""

from __future__ import annotations

import signal
import sys

import click

from coinslot.cli import options
from coinslot.client import Client

RETRIES = 30  # with their pauses, enough for a server that is away for twenty minutes


@click.command()
@click.option("--after", metavar="CURSOR", help="Begin after this change, as a former run named it.")
@click.option("--start", type=options.number, help="First print what is stored from this timestamp on.")
@click.option("--skip-gaps", is_flag=True, help="Go on, and only say so, where changes are missing.")
@options.url
@options.token
def follow(after: str | None, start: float | None, skip_gaps: bool, url: str, token: str | None) -> None:
    """Print each event as it is stored, one line of JSON each, until Ctrl-C.

    A lost connection is made again without losing a change. At the end, the cursor to begin after next time
    stands on stderr.
    """
    # SIGTERM then ends the wait for the next change as Ctrl-C does, which a handler that sets a flag cannot.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    out = sys.stdout.buffer
    try:
        with Client(url, token=token, retries=RETRIES) as client:
            for change in client.follow(after, start, skip_gaps=skip_gaps):
                out.write(change.raw + b"\n")
                out.flush()
                after = change.cursor or after
    except KeyboardInterrupt:
        if after:
            click.echo(f"coinslot: go on with --after {after}", err=True)
