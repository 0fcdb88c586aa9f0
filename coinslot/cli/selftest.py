"""`coinslot selftest`: whether Coinslot keeps its word, on this machine and on these servers."""

from __future__ import annotations

import logging
import os
import secrets
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console

from coinslot.errors import CoinslotError
from coinslot.selftest.account import CLEAN
from coinslot.selftest.namespace import forget, new_name
from coinslot.selftest.runner import Runner
from coinslot.selftest.servers import check
from coinslot.selftest.trial import Verdict
from coinslot.settings import Settings
from coinslot.signals import on_stop
from coinslot.stack.folder import DataFolder

# Its processes listen on loopback and hold nothing of anybody's. What a killed worker held is taken over sooner than by
# default, so that the test need not wait so long for it.
OURS = {"API_AUTH": "disable", "RATE_LIMIT": "", "CLAIM_IDLE_S": "3", "CLAIM_EVERY_S": "1", "MODE": "prod"}


@click.command()
@click.option("--seconds", type=click.IntRange(1, 24 * 3600), default=15, show_default=True, help="How long to load.")
@click.option("--kill", is_flag=True, help="Meanwhile kill -9 at random what this test has started.")
@click.option("--seed", type=int, help="Of what is killed when; a random one by default.")
def selftest(seconds: int, kill: bool, seed: int | None) -> None:
    """Load a Coinslot, kill parts of it, and hold what it acknowledged against what it stored and told.

    It starts a front and workers of its own. They run on the servers that REDIS_URL and MONGODB_URL name, under
    a key prefix and a database of their own that are removed in the end; or on throwaway servers, which are
    killed with the rest.
    """
    logging.getLogger("coinslot").addHandler(logging.NullHandler())  # that connections break is the point
    seed = secrets.randbelow(10_000) if seed is None else seed
    with TemporaryDirectory(prefix="coinslot-selftest-") as temporary:
        verdict = _run(Path(temporary), seconds, seed if kill else None)
    for fault in verdict.account.faults:
        click.echo(f"coinslot: {fault}", err=True)
    click.echo(f"selftest: {verdict}")
    if verdict.account != CLEAN:
        sys.exit(1)


def _run(folder: Path, seconds: int, seed: int | None) -> Verdict:
    name = new_name()
    environ = {**os.environ, **OURS, "KEY_PREFIX": name, "DB_NAME": name}
    names = {"data_dir": folder, "key_prefix": name, "db_name": name}
    settings = Settings.load(host="127.0.0.1", port=0, api_auth="disable", rate_limit="", **names)
    check(settings)
    with ExitStack() as cleanup:
        data_folder = cleanup.enter_context(DataFolder(folder))
        cleanup.callback(_forget, settings)
        status = cleanup.enter_context(Console(stderr=True).status("starting"))
        runner = Runner(settings, data_folder, environ, seconds=seconds, seed=seed, say=status.update)
        on_stop(runner.stop)
        verdict = runner.run()
    if seed is not None:
        killed = ", ".join(f"{victim} {times}" for victim, times in sorted(runner.killed.items()))
        click.echo(f"killed, by seed {seed}: {killed or 'nothing in so short a time'}", err=True)
    return verdict


def _forget(settings: Settings) -> None:
    """What is left behind is worth a note; raised, it would hide why the test itself failed."""
    try:
        forget(settings)
    except CoinslotError as error:
        click.echo(f"coinslot: {error}", err=True)
