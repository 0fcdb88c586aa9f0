"""The Procfile as a host runs it: one process of each line, a PORT for web, SIGTERM at the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import urllib3

from coinslot.ports import free_port
from coinslot.settings import Settings
from tests.pipeline import PATH, until

ROOT = Path(__file__).parents[2]
STOP_TIMEOUT_S = 20

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


class Host:
    """honcho, run on the Procfile. Its processes are those that carry its `mark` in their environment."""

    def __init__(self, log: Path, mark: str, **environment: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        self._mark = f"KEY_PREFIX={mark}".encode()
        settings = {name.upper() for name in Settings.names()}
        inherited = {name: value for name, value in os.environ.items() if name not in settings}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # the Procfile says `python`
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "honcho", "start", "-f", "Procfile", "-e", os.devnull],
                cwd=ROOT,
                env={**inherited, **environment, "PATH": path, "PORT": str(port), "KEY_PREFIX": mark},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def processes(self) -> dict[int, str]:
        """Its living processes: pid and command line."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has just ended, or belongs to somebody else
                if self._mark in (process / "environ").read_bytes().split(b"\0"):
                    found[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ").strip()
        return found

    def ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """The answer's body; empty without a good answer."""
        headers = {"Content-Type": "application/json"} if body else {}
        with urllib3.PoolManager(retries=False, timeout=5) as http, suppress(urllib3.exceptions.HTTPError):
            response = http.request(method, self.url + path, body=body, headers=headers)
            return response.data if response.status < 300 else b""
        return b""


@pytest.fixture
def host(redis_url: str, mongodb_url: str, prefix: str, tmp_path: Path) -> Iterator[Host]:
    environment = {"REDIS_URL": redis_url, "MONGODB_URL": mongodb_url, "DB_NAME": prefix, "MODE": "prod"}
    host = Host(tmp_path / "log", prefix, **environment)
    yield host
    for pid in host.processes():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    host.process.wait(STOP_TIMEOUT_S)


def test_the_procfile_banks_an_event_and_ends_whole_at_sigterm(host: Host) -> None:
    until(lambda: host.ask("GET", "/ready"), timeout_s=30, what=f"ready; {host.log.read_text()}")
    running = " ".join(host.processes().values())

    accepted = host.ask("POST", PATH, b'{"timestamp": 1333046104322}')
    until(lambda: host.ask("GET", f"{PATH}/count") == b"1", what=f"counted; {host.log.read_text()}")
    host.process.terminate()
    host.process.wait(STOP_TIMEOUT_S)

    assert accepted.startswith(b'{"accepted":1,')
    assert "python -m front" in running
    assert "python -m worker" in running
    until(lambda: host.processes() == {}, timeout_s=STOP_TIMEOUT_S, what=f"ended: {host.processes()}")
    assert "SIGKILL" not in host.log.read_text()  # nobody had to be made to
