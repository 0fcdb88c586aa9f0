"""`coinslot erase`: all events of one user, gone."""

from __future__ import annotations

import json
import sys

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from coinslot.cli import options
from coinslot.client import Client
from coinslot.client.erasures import QUEUE, Scalar
from coinslot.errors import CoinslotError

WAITING = "waiting for the queue"


def _scalar(ctx: click.Context, param: click.Parameter, text: str | None) -> Scalar | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise click.BadParameter(f"{text!r} is not JSON") from None
    if not isinstance(value, Scalar):
        raise click.BadParameter("neither text nor a number nor a boolean")
    return value


@click.command()
@click.option("--field", required=True, help="The field, such as user_id, or user.id within an object.")
@click.option("--value", help="Its value, as text.")
@click.option("--json-value", callback=_scalar, help='Its value in JSON: 42, true, "text".')
@click.option("--yes", is_flag=True, help="Do not ask.")
@options.url
@options.token
def erase(field: str, value: str | None, json_value: Scalar | None, yes: bool, url: str, token: str | None) -> None:
    """Erase every event in which FIELD has VALUE, wherever Coinslot keeps it. There is no way back.

    What was accepted before is gone when this ends, from the store, the change feed, dead letters and the queue; what
    is accepted meanwhile may not be. It may be stopped, and run again. Where the server asks for tokens, it takes
    an admin's.
    """
    if (value is None) == (json_value is None):
        raise click.UsageError("say either --value or --json-value")
    wanted: Scalar = value if json_value is None else json_value  # type: ignore[assignment]
    with Client(url, token=token) as client:
        matching = client.count_matching(field, wanted)
        click.echo(f"{matching:,} event(s) with {field} = {json.dumps(wanted)}", err=True)
        if not yes:
            _confirm()
        erased, note = _erase(client, field, wanted, matching)
    click.echo(f"erased: {erased:,} event(s)")
    if note:
        click.echo(f"coinslot: {note}", err=True)


def _confirm() -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask on: say --yes")
    click.confirm("Erase them, and what is queued?", abort=True, err=True)


def _erase(client: Client, field: str, value: Scalar, matching: int) -> tuple[int, str | None]:
    """How many were erased, and what one should know of it. If it ends early, stderr tells how many by then."""
    erased, at, note = 0, None, None
    with _progress() as progress:
        task = progress.add_task("beginning", total=matching)
        try:
            for part in client.erase_in_parts(field, value):
                if part.at == QUEUE != at and progress.disable:
                    click.echo(f"coinslot: {WAITING}", err=True)
                erased, at, note = erased + part.events, part.at, part.note
                doing = WAITING if at == QUEUE else f"looking at: {at or 'all'}"
                progress.update(task, completed=erased, description=doing)
        except (CoinslotError, KeyboardInterrupt):
            progress.stop()
            click.echo(f"coinslot: {erased:,} event(s) erased so far, as far as the server said", err=True)
            raise
    return erased, note


def _progress() -> Progress:
    console = Console(stderr=True)
    columns = BarColumn(), TextColumn("{task.completed:,} erased, {task.description}")
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
