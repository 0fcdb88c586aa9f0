"""Runs probes beside each other, each within a limit, so that one that hangs or fails costs no other its findings."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from coinslot.doctor.finding import Finding, Probe, untold, wrong

PROBE_TIMEOUT_S = 2.0  # of each question that a probe asks
LIMIT_S = 8.0  # of a probe altogether: looking up a name and a server that answers in drops know no timeout


def examine(probes: Mapping[str, Probe], limit_s: float = LIMIT_S) -> list[Finding]:
    """The findings of all probes, in their order; `limit_s` bounds the whole."""
    deadline = time.monotonic() + limit_s
    running = [_Running(name, probe) for name, probe in probes.items()]
    return [finding for each in running for finding in each.findings(deadline, limit_s)]


class _Running:
    """A probe at work, in a thread that the process does not wait for."""

    def __init__(self, name: str, probe: Probe) -> None:
        self._name = name
        self._probe = probe
        self._found: list[Finding] = []
        self._thread = threading.Thread(target=self._run, name=f"doctor {name}", daemon=True)
        self._thread.start()

    def findings(self, deadline: float, limit_s: float) -> list[Finding]:
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if not self._thread.is_alive():
            return self._found
        seen = f"no answer within {limit_s:g} s"
        return [*self._found, wrong(self._name, seen, "is it overloaded, frozen, or behind a firewall?")]

    def _run(self) -> None:
        try:
            for finding in self._probe():
                self._found.append(finding)
        except Exception as error:  # noqa: BLE001  # whatever it is, the others go on; its text might hold a password
            self._found.append(untold(self._name, type(error).__name__, "please report this"))
