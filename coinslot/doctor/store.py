"""The store that DB_BACKEND names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pymongo.errors import PyMongoError

from coinslot.doctor import clock, mongodb
from coinslot.doctor.finding import Finding, ok, wrong
from coinslot.settings import Settings


def examine(settings: Settings, now: clock.Clock) -> Iterator[Finding]:
    if settings.db_backend == "mongodb":
        yield from _mongodb(settings, now)
    elif settings.db_backend == "sqlite":
        yield sqlite(settings.data_dir)


def sqlite(folder: Path) -> Finding:
    folder = folder.absolute()
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if os.access(nearest, os.W_OK | os.X_OK) and nearest.is_dir():
        return ok("sqlite", f"in {folder}")
    return wrong("sqlite", f"{nearest} cannot be written to", f"to the user of the workers: chown USER {nearest}")


def _mongodb(settings: Settings, now: clock.Clock) -> Iterator[Finding]:
    try:
        client = mongodb.connect(settings.mongo_url)
    except PyMongoError as error:  # of a mongodb+srv:// URL, whose hosts DNS knows
        yield mongodb.silent(mongodb.address(settings.mongo_url), error)
        return
    with client:
        yield from mongodb.examine(client, settings, now)
