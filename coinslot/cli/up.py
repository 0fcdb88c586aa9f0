"""`coinslot up`: the whole of Coinslot on one machine, in the foreground."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from coinslot.errors import CannotStart, SettingsError
from coinslot.settings import Settings
from coinslot.stack.composition import compose
from coinslot.stack.folder import DataFolder
from coinslot.stack.stack import Voice

FORGETFUL_BACKENDS = ("memory", "dummy")


@click.command()
@click.option("--host", help="Address to listen on [HOST, else 127.0.0.1].")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0: a free one [PORT, else 3000].")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of all data [DATA_DIR, else coinslot-data].")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Workers to run.")
def up(host: str | None, port: int | None, data_dir: Path | None, workers: int) -> None:
    """Run Coinslot on this machine until Ctrl-C.

    Redis and MongoDB are brought along where REDIS_URL and MONGODB_URL (or DB_HOST) do not name servers. Data
    stays in the data folder; with DB_BACKEND=memory or dummy nothing stays.
    """
    given = {"host": host, "port": port, "data_dir": data_dir}
    try:
        settings = Settings.load(**{name: value for name, value in given.items() if value is not None})
        if settings.features_mode == "sidecar":
            raise SettingsError("FEATURES_MODE=sidecar: a sidecar has no stack; start it with python -m front")
        with _data_folder(settings) as folder:
            stack = compose(settings, folder, os.environ, workers=workers, voice=_voice(settings))
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stack.stop())
            stack.run()
    except CannotStart as error:
        _tell(str(error))
        sys.exit(2)


@contextmanager
def _data_folder(settings: Settings) -> Iterator[DataFolder]:
    if settings.db_backend not in FORGETFUL_BACKENDS:
        with DataFolder(settings.data_dir) as folder:
            yield folder
        return
    with TemporaryDirectory(prefix="coinslot-") as temporary, DataFolder(Path(temporary)) as folder:
        yield folder


def _voice(settings: Settings) -> Voice:
    chatty = sys.stdout.isatty() and settings.mode == "dev"
    return Voice(
        progress=_tell if chatty else lambda _: None,
        trouble=_tell,
        ready=lambda url: click.echo(f"coinslot is ready: {url}"),
    )


def _tell(line: str) -> None:
    click.echo(f"coinslot: {line}", err=True)
