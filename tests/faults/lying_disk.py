"""A disk under a redis-server that syncs slowly, and whose power fails: what was written and not synced is gone.

kill -9 alone shows none of that, for what a process has written stays in the page cache. So strace holds up every
sync of the server's append-only file and notes how far each had come; after the kill the file is cut to there.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import pytest

from coinslot.stack.servers import RedisServer
from tests.pipeline import until

# As strace -f -o prints them: 71 fdatasync(8</r/a.aof>) = 0, or split in two where another thread came between:
# 71 fdatasync(8</r/a.aof> <unfinished ...>, 71 <... fdatasync resumed>) = 0
CALL = re.compile(r"(?P<thread>\d+) +(?P<resumed><\.\.\. )?(?P<name>write|fsync|fdatasync)\b(?:.*= (?P<result>\d+))?")


class LyingDisk:
    """Slow from `attach` on, and until `fail`; `lost_bytes` is what the last failure took away."""

    def __init__(self, server: RedisServer, folder: Path, delay_s: float) -> None:
        self.lost_bytes = 0
        self._server = server
        self._folder = folder
        self._delay_us = int(delay_s * 1e6)
        self._log = folder / "strace.log"

    def attach(self) -> Self:
        """Skips the test where processes cannot be traced."""
        if sys.platform != "linux" or not shutil.which("strace"):
            pytest.skip("strace is not installed (on Debian: apt-get install strace)")
        files = [*self._folder.rglob("*.incr.aof"), *self._folder.glob("appendonly.aof")]  # of Redis 7, of Redis 6
        self._file = files[0]
        syncs = "fsync,fdatasync"
        command = ["strace", "-f", "-y", "-s", "0", "-p", str(self._server.pid), "-P", str(self._file)]
        command += ["-e", f"trace=write,{syncs}", "-e", f"inject={syncs}:delay_enter={self._delay_us}"]
        self._signal(signal.SIGSTOP)  # or it would write on before the trace begins
        until(lambda: "State:\tT" in self._status())
        self._synced_bytes = self._file.stat().st_size
        self._strace = subprocess.Popen([*command, "-o", str(self._log)], stderr=subprocess.PIPE, text=True)
        until(lambda: self._is_traced() or self._strace.poll() is not None, what="traced")
        self._signal(signal.SIGCONT)
        if self._strace.poll() is not None:
            pytest.skip(f"processes cannot be traced here: {self._strace.communicate()[1].strip()}")
        return self

    def fail(self) -> None:
        """Ends the server at once, at a moment when it has not synced all, and takes that from its file."""
        until(lambda: self._file.stat().st_size > self._traced()[1], what="something to lose")
        self._server.kill()
        self._strace.communicate(timeout=10)
        written, synced = self._traced()
        size = self._file.stat().st_size
        assert written == size, f"{written} bytes written by the trace, {size} in the file"
        os.truncate(self._file, synced)
        self.lost_bytes = size - synced

    def _traced(self) -> tuple[int, int]:
        return follow(self._log.read_text().splitlines(), self._synced_bytes)

    def _is_traced(self) -> bool:
        threads = Path(f"/proc/{self._server.pid}/task").iterdir()
        return not any("TracerPid:\t0\n" in (thread / "status").read_text() for thread in threads)

    def _status(self) -> str:
        return Path(f"/proc/{self._server.pid}/status").read_text()

    def _signal(self, number: int) -> None:
        assert self._server.pid
        os.kill(self._server.pid, number)


def follow(trace: Iterable[str], size_bytes: int) -> tuple[int, int]:
    """How many bytes the file has come to hold, from `size_bytes` on, and how many of them are known to be synced."""
    written = synced = size_bytes
    syncing: dict[str, int] = {}  # by thread: what was written when its sync began
    for line in trace:
        if not (call := CALL.match(line)):
            continue
        if call["name"] == "write":
            written += int(call["result"] or 0)
            continue
        if not call["resumed"]:
            syncing[call["thread"]] = written
        if call["result"] == "0":
            synced = syncing.pop(call["thread"])
    return written, synced
