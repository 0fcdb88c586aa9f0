"""stack.env in the data folder: what the stack that runs there decided for its processes, one NAME=value a line.

It is there while the stack runs, for its owner alone: `coinslot doctor` reads it, and a shell may.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

FILE = "stack.env"


def write(folder: Path, values: Mapping[str, str]) -> None:
    """Raises OSError."""
    remove(folder)  # one that a killed stack left may be older than its permissions
    with open(folder / FILE, "x", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.writelines(f"{name}={value}\n" for name, value in values.items())


def read(folder: Path) -> dict[str, str]:
    """Empty where no stack runs; one that was killed is still named. Raises OSError if it is not for us to read."""
    try:
        lines = (folder / FILE).read_text().splitlines()
    except FileNotFoundError:
        return {}
    return dict(line.split("=", 1) for line in lines if "=" in line)


def remove(folder: Path) -> None:
    (folder / FILE).unlink(missing_ok=True)
