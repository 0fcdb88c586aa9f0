"""The stack's life: servers, then front and workers, then serving, and all of it ended in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from coinslot.errors import NotReady
from coinslot.stack.alarm import Alarm
from coinslot.stack.probe import FrontProbe
from coinslot.stack.process import Process
from coinslot.stack.servers import Server
from coinslot.stack.supervisor import Supervisor

READY_TIMEOUT_S = 60.0
TICK_S = 0.1  # while something is to come up
QUIET_S = 1.0  # while everything runs: whatever ends or is to end rings
# Seconds after the beginning of the end at which whoever still runs is killed. The time one leaves unused is the
# next one's. Docker and systemd kill everything after 10 s or more.
FRONT_ENDS_BY_S = 4.3
WORKERS_END_BY_S = 7.5
SERVERS_END_BY_S = 9.5


@dataclass(frozen=True, slots=True)
class Voice:
    """How the stack speaks. `progress` and `trouble` take a line; `ready` the URL, once everything serves."""

    progress: Callable[[str], None]
    trouble: Callable[[str], None]
    ready: Callable[[str], None]


class Stack:
    """`run` it from the main thread (see Process); `stop` may be called from a signal handler, any number of times."""

    def __init__(
        self,
        *,
        servers: Sequence[Server],
        front: Process,
        workers: Sequence[Process],
        probe: FrontProbe,
        voice: Voice,
        logs: Path,
        ready_timeout_s: float = READY_TIMEOUT_S,
    ) -> None:
        self._servers = servers
        self._front = front
        self._workers = workers
        self._probe = probe
        self._voice = voice
        self._logs = logs
        self._ready_timeout_s = ready_timeout_s
        self._supervisor = Supervisor(voice.trouble)
        self._alarm = Alarm()
        self._stopping = False

    @property
    def processes(self) -> list[Process]:
        """Everything that it keeps running."""
        return [*self._servers, *self._workers, self._front]

    def stop(self) -> None:
        """Make `run` end everything and return."""
        self._stopping = True
        self._alarm.ring()

    def run(self) -> None:
        """Start everything, serve until `stop`, end everything. Raises CannotStart and NotReady."""
        try:
            with self._alarm:
                self._serve()
        finally:
            self._end()

    def _serve(self) -> None:
        if self._start(self._servers, until=self._servers_answer) and self._start(
            [*self._workers, self._front], until=self._probe.is_ready
        ):
            self._voice.ready(self._probe.url)
            while not self._stopping:
                all_run = self._supervisor.run_once()
                self._alarm.sleep(QUIET_S if all_run else TICK_S)

    def _start(self, processes: Sequence[Process], until: Callable[[], bool]) -> bool:
        for process in processes:
            self._voice.progress(f"starting {process.name}")
            self._supervisor.start(process)
        return self._supervise(until)

    def _supervise(self, until: Callable[[], bool]) -> bool:
        """Keep everything running until then: True, or until `stop`: False."""
        deadline = time.monotonic() + self._ready_timeout_s
        while not self._stopping:
            if until():
                return True
            if time.monotonic() >= deadline:
                raise NotReady(
                    f"not ready after {self._ready_timeout_s:g} s: {self._pending()}; logs are in {self._logs}"
                )
            self._supervisor.run_once()
            self._alarm.sleep(TICK_S)
        return False

    def _servers_answer(self) -> bool:
        # A server that ends before it ever answered will do so again: its reason is worth more than another try.
        for server in self._servers:
            server.check_running()
        return all(server.ping() for server in self._servers)

    def _pending(self) -> str:
        silent = [server.name for server in self._servers if not server.ping()]
        return f"no answer from {' and '.join(silent)}" if silent else f"GET /ready: {self._probe.answer}"

    def _end(self) -> None:
        began = time.monotonic()
        for processes, ends_by_s in (
            ([self._front], FRONT_ENDS_BY_S),
            (self._workers, WORKERS_END_BY_S),
            (self._servers, SERVERS_END_BY_S),
        ):
            self._end_together(processes, deadline=began + ends_by_s)

    def _end_together(self, processes: Sequence[Process], deadline: float) -> None:
        running = [process for process in processes if process.is_running()]
        for process in running:
            self._voice.progress(f"stopping {process.name}")
            process.terminate()
        for process in running:
            if not process.wait(deadline - time.monotonic()):
                process.kill()
                self._voice.trouble(f"{process.name} did not end in time and was killed")
