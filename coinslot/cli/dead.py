"""`coinslot dead`: dead letters, and workers that were halted because there were too many."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import islice

import click
from rich.console import Console
from rich.progress import track

from coinslot.cli import options
from coinslot.cli.letters import as_line, details, rows
from coinslot.cli.send import in_flight
from coinslot.client import Client, DeadLetter, Refused

IN_FLIGHT = 4
NOT_THERE = 404

ids = click.argument("ids", nargs=-1, metavar="[ID]...")
every = click.option("--all", "every", is_flag=True, help="All that there are when it begins.")
as_json = click.option("--json", "as_json", is_flag=True, help="JSON instead, one line each.")


@click.group()
def dead() -> None:
    """List, show, replay and drop dead letters: events that could not be stored, with the reason.

    Analytic events that could not be counted have letters of their own: --queue analytics.
    Where the server asks for tokens, it takes an admin's.
    """


@dead.command("list")
@click.option("--after", metavar="ID", help="Begin after this one.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="Most letters.")
@as_json
@options.queue
@options.url
@options.token
def list_letters(after: str | None, limit: int, as_json: bool, queue: str, url: str, token: str | None) -> None:
    """List dead letters in the order in which they died, without what they hold."""
    with Client(url, token=token, retries=0) as client:
        letters = list(islice(_letters(client, queue, after), limit + 1))
    shown = letters[:limit]
    if as_json:
        for letter in shown:
            click.echo(as_line(letter))
    elif shown:
        for row in rows(shown):
            click.echo(row)
    else:
        click.echo("no dead letters")
    if len(letters) > limit:
        click.echo(f"coinslot: there are more: --after {shown[-1].id}", err=True)


@dead.command()
@click.argument("id")
@as_json
@options.queue
@options.url
@options.token
def show(id: str, as_json: bool, queue: str, url: str, token: str | None) -> None:
    """Show a dead letter and what it holds."""
    with Client(url, token=token, retries=0) as client:
        letter = client.dead_letter(id, queue=queue)
    if not as_json:
        click.echo(details(letter))
        return
    payload = (letter.payload or b"").decode(errors="backslashreplace")
    click.echo(json.dumps({**asdict(letter), "payload": payload}))


@dead.command()
@ids
@every
@options.queue
@options.url
@options.token
def replay(ids: tuple[str, ...], every: bool, queue: str, url: str, token: str | None) -> None:
    """Put dead letters back into the queue, to be stored now; what still cannot be is a new dead letter.

    Analytic events are counted now, after what has come meanwhile: to a goal reached before they do not count.
    """
    with Client(url, token=token) as client:
        _each(client, queue, ids, every, client.replay, "replayed")


@dead.command()
@ids
@every
@options.queue
@options.url
@options.token
def drop(ids: tuple[str, ...], every: bool, queue: str, url: str, token: str | None) -> None:
    """Throw dead letters away. In the ledger their events stay dead."""
    if every and sys.stdin.isatty():
        click.confirm(f"Throw all dead letters of {queue} away?", abort=True, err=True)
    with Client(url, token=token) as client:
        _each(client, queue, ids, every, client.drop, "dropped")


@dead.command()
@options.url
@options.token
def resume(url: str, token: str | None) -> None:
    """Let workers go on that were halted, because too many events died."""
    with Client(url, token=token, retries=0) as client:
        resumed = client.resume()
    click.echo("resumed" if resumed else "workers were not halted")


def _letters(client: Client, queue: str, after: str | None = None) -> Iterator[DeadLetter]:
    while True:
        page = client.dead_letters(after, queue=queue)
        yield from page.dead_letters
        after = page.after
        if after is None:
            return


def _each(client: Client, queue: str, ids: Iterable[str], every: bool, act: Callable[..., int], done: str) -> None:
    """Do it to each letter, with a bar on a terminal; exit status 1 if one that was named was not there."""
    if bool(ids) == every:
        raise click.UsageError("name the IDs of dead letters, or say --all")
    ids = list(ids)
    # As many as there are now: a letter that dies again while this goes on is a new one, behind them.
    total = client.dead_letters(limit=1, queue=queue).total if every else len(ids)
    targets = islice((letter.id for letter in _letters(client, queue)), total) if every else iter(ids)

    def attempt(id: str) -> tuple[str, int | None]:
        try:
            return id, act(id, queue=queue)
        except Refused as error:
            if error.status != NOT_THERE:
                raise
            return id, None

    letters = events = missing = 0
    console = Console(stderr=True)
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        outcomes = in_flight(pool, attempt, targets)
        for id, moved in track(outcomes, done, total, console=console, transient=True, disable=not console.is_terminal):
            if moved is None:
                missing += 1
                click.echo(f"coinslot: {id}: no such dead letter; it may have been replayed or dropped", err=True)
                continue
            letters += 1
            events += moved
    click.echo(f"{done}: {letters:,} dead letter(s) of {events:,} event(s)")
    if missing and not every:
        sys.exit(1)
