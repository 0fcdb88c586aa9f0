"""The data folder of one stack: redis/, mongodb/ or SQLite's file, logs/, and these:

stack.env     what the stack decided for its processes (environment.py)
owner.lock    held by `coinslot up` alone, so gone the moment it is: a second stack is refused at once
family.lock   inherited by every process of the stack, so held while any of them lives: a stack started right after
              another was killed waits, and never opens files that a dying server still writes
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Mapping
from contextlib import ExitStack
from io import TextIOWrapper
from pathlib import Path
from typing import Self

from coinslot.errors import CannotStart
from coinslot.stack import environment

FAMILY_TIMEOUT_S = 10.0  # longer than a killed stack's children need to end


class DataFolder:
    """A folder that belongs to this process while it is entered. Entering raises CannotStart."""

    def __init__(self, path: Path, family_timeout_s: float = FAMILY_TIMEOUT_S) -> None:
        self.path = path.absolute()
        self._family_timeout_s = family_timeout_s
        self._locks = ExitStack()
        self._family_lock: TextIOWrapper | None = None

    @property
    def lock_fd(self) -> int:
        """What the processes of the stack must inherit."""
        assert self._family_lock, "the folder is not entered"
        return self._family_lock.fileno()

    def subfolder(self, name: str) -> Path:
        folder = self.path / name
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from None
        return folder

    def tell(self, values: Mapping[str, str]) -> None:
        """Tell whoever looks into the folder, until it is left, what its stack decided for its processes."""
        try:
            environment.write(self.path, values)
        except OSError as error:
            raise self._unusable(error) from None
        self._locks.callback(environment.remove, self.path)

    def __enter__(self) -> Self:
        with ExitStack() as locks:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                owner_lock = locks.enter_context((self.path / "owner.lock").open("a"))
                self._family_lock = locks.enter_context((self.path / "family.lock").open("a"))
            except OSError as error:
                raise self._unusable(error) from None
            self._take(owner_lock, timeout_s=0)
            self._take(self._family_lock, timeout_s=self._family_timeout_s)
            self._locks = locks.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._locks.close()

    def _unusable(self, error: OSError) -> CannotStart:
        return CannotStart(f"cannot use the data folder {self.path}: {error.strerror}")

    def _take(self, lock: TextIOWrapper, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not _locked(lock):
            if time.monotonic() >= deadline:
                raise CannotStart(f"another stack uses the data folder {self.path}: choose another with --data-dir")
            time.sleep(0.1)


def _locked(lock: TextIOWrapper) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
