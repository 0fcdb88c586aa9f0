"""Disks: what is left where data is kept. A full one ends Redis and MongoDB."""

from __future__ import annotations

import shutil
from pathlib import Path

from coinslot.doctor.finding import Finding, ok, untold, warning, wrong
from coinslot.doctor.size import readable

MIB = 1024 * 1024
FEW_BYTES = 2048 * MIB
LAST_BYTES = 256 * MIB  # MongoDB's journal alone grows by 100 MiB at a time
REMEDY = "make room, or move the data to a larger disk"


def left(name: str, where: str, free_bytes: float, total_bytes: float, copy_bytes: float = 0) -> Finding:
    """copy_bytes: what may have to be written anew beside the old."""
    seen = f"{readable(free_bytes)} of {readable(total_bytes)} left, {where}"
    if free_bytes < LAST_BYTES:
        return wrong(name, f"{seen}; a full disk ends Redis and MongoDB", REMEDY)
    if free_bytes < copy_bytes:
        return warning(name, f"{seen}; a rewrite of the append-only file may take {readable(copy_bytes)}", REMEDY)
    if free_bytes < FEW_BYTES:
        return warning(name, seen, REMEDY)
    return ok(name, seen)


def folder(name: str, path: Path, copy_bytes: float = 0) -> Finding:
    try:
        disk = shutil.disk_usage(path)
    except OSError as error:
        return untold(name, f"{path}: {error.strerror}", "run this as a user who may look there")
    return left(name, str(path), disk.free, disk.total, copy_bytes)
