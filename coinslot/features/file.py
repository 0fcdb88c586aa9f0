"""The file from which a sidecar has the specs: that of a mounted ConfigMap, or any other that holds them."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import NamedTuple

from coinslot.errors import BadFeatures, NotReady
from coinslot.features.spec import NONE, FeatureSpecs, parse

log = logging.getLogger("coinslot.features")


class _Version(NamedTuple):
    """Tells one content of the file from the next. Kubernetes changes the inode: it swaps a symbolic link."""

    device: int
    inode: int
    size: int
    changed_ns: int


class SpecsFile:
    """Reads the file again when it has changed; safe to share between threads.

    While it is absent there are no specs. What is bad, or cannot be read, leaves those that were read last in force,
    and is logged once.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._version: _Version | None = None
        self._specs = NONE
        self._has_been_read = False
        self._trouble = ""  # why what is in the file now is not in force

    def read(self) -> FeatureSpecs:
        """Those in force; never raises."""
        with self._lock:
            try:
                self._read_if_changed()
            except FileNotFoundError:
                self._version, self._specs, self._trouble = None, NONE, ""
            except (OSError, BadFeatures) as error:
                self._complain(str(error))
            return self._specs

    def check(self) -> None:
        """For /ready: raises NotReady while the file is there and nothing good was ever read from it.

        A bad change of the file, later on, must not take every pod out of service at once.
        """
        self.read()
        if self._trouble and not self._has_been_read:
            raise NotReady("the file of feature specs cannot be used; the log says why")

    def _read_if_changed(self) -> None:
        if _version(self._path.stat()) == self._version:
            return
        with self._path.open("rb") as file:
            self._version = _version(os.fstat(file.fileno()))
            self._specs = parse(file.read())
        self._has_been_read, self._trouble = True, ""

    def _complain(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.error("%s is not used, and what it held before stays in force: %s", self._path, trouble)
        self._trouble = trouble


def _version(found: os.stat_result) -> _Version:
    return _Version(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
