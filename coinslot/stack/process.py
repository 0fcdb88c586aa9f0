"""A child process that can be started again and never outlives this one."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from coinslot.errors import CannotStart

PR_SET_PDEATHSIG = 1  # from linux/prctl.h
STDERR_FD = 2
KILL_TIMEOUT_S = 5.0


class Process:
    """A program in a session of its own, so that a terminal's Ctrl-C reaches this process alone.

    On Linux it gets SIGTERM when the thread that called `start` ends, however that comes about: start it from
    the main thread. `log` takes its output, from the first `start` on; without one, it goes to our stderr.
    `keep_open` names the file descriptors it inherits.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        log: Path | None = None,
        keep_open: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._env = env
        self._keep_open = keep_open
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    def start(self) -> None:
        """Start it, again if it has ended. Raises CannotStart if that is not possible at all."""
        try:
            with self._output() as output:
                self._child = subprocess.Popen(
                    self._command,
                    env=self._env,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    pass_fds=self._keep_open,
                    preexec_fn=_end_with(os.getpid()),
                )
        except OSError as error:
            raise CannotStart(f"cannot start {self.name}: {error}") from None

    def exit_code(self) -> int | None:
        """None while it runs or was never started; -N if signal N ended it."""
        if self._child is None:
            return None
        if self._child.returncode is None and self._child.poll() is not None:
            # What it leaves behind (a killed web server's worker) would hold its port and files.
            self._kill_session()
        return self._child.returncode

    def is_running(self) -> bool:
        return self._child is not None and self.exit_code() is None

    def terminate(self) -> None:
        """Ask it to end, if it runs."""
        if self._child and self.is_running():
            self._child.terminate()

    def wait(self, timeout_s: float) -> bool:
        """Whether it has ended within that time."""
        deadline = time.monotonic() + timeout_s
        while self.is_running():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        return True

    def kill(self) -> None:
        """End it and all it has started, at once."""
        if self.is_running():
            self._kill_session()
            self.wait(KILL_TIMEOUT_S)

    def stop(self, grace_s: float = 10.0) -> bool:
        """Ask it to end, and kill it if it has not by then. Whether it ended by itself."""
        self.terminate()
        ended = self.wait(grace_s)
        self.kill()
        return ended

    def _kill_session(self) -> None:
        assert self._child
        with contextlib.suppress(ProcessLookupError):  # nothing is left of it
            os.killpg(self._child.pid, signal.SIGKILL)

    def _output(self) -> contextlib.AbstractContextManager[int | IO[bytes]]:
        if self.log is None:
            return contextlib.nullcontext(STDERR_FD)
        # A restart appends: why the program ended stands at the end of what it wrote before.
        return self.log.open("ab" if self._child else "wb")


def _end_with(parent_pid: int) -> Callable[[], None] | None:
    """What a new child does before it becomes its program: ask for SIGTERM when its parent dies."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up here: little is safe between fork and exec

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent_pid:  # it died before it was asked for
            os._exit(1)

    return ask
