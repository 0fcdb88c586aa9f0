"""A compose project for tests: the containers of docker-compose.yml under a name and a port of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
from ipaddress import ip_network
from pathlib import Path

import urllib3

from tests.pipeline import until

ROOT = Path(__file__).parents[2]
UP_TIMEOUT_S = 600  # the first time, images are fetched and built
TIMEOUT_S = 120


def missing() -> str:
    """What this machine lacks to run a project; empty if nothing."""
    if not shutil.which("docker"):
        return "no docker command"
    if not _succeeds(["docker", "info"]):
        return "no docker engine answers"
    if not _compose():
        return "neither docker-compose nor docker compose"
    return ""


class Project:
    """`url` is its gateway."""

    def __init__(self, name: str, port: int, **environment: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._command = [*_compose(), "--project-name", name]
        self._env = {**os.environ, "LISTEN": f"127.0.0.1:{port}", **environment}

    def up(self, **scale: int) -> None:
        """Build what has changed, start what is not running, and wait until it serves."""
        scales = [f"--scale={service}={number}" for service, number in scale.items()]
        self.compose("up", "--detach", "--build", *scales, timeout_s=UP_TIMEOUT_S)
        until(self._serves, what=f"{self.url} up")

    def _serves(self) -> bool:
        try:
            return urllib3.request("GET", f"{self.url}/alive", retries=False, timeout=5).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def down(self) -> None:
        """End it and forget its data."""
        self.compose("down", "--volumes", "--remove-orphans")

    def compose(self, *arguments: str, timeout_s: float = TIMEOUT_S) -> str:
        return _run([*self._command, *arguments], timeout_s, self._env)

    def containers(self, service: str) -> list[str]:
        """The ids of a service's containers."""
        return self.compose("ps", "--quiet", service).split()

    def kill(self, container: str) -> None:
        """kill -9 of all in a container but its init, which then ends: as a crash, not as a stop by an operator."""
        # Unchecked: the container may end before bash has.
        subprocess.run(["docker", "exec", container, "bash", "-c", "kill -KILL -1"], timeout=TIMEOUT_S)

    def python(self, service: str, code: str) -> str:
        """What a few lines print that are run in a service's container."""
        return _run(["docker", "exec", self.containers(service)[0], "python", "-c", code], TIMEOUT_S)

    def restarts(self, container: str) -> int:
        """How often the engine has started it again."""
        return int(_run(["docker", "inspect", "--format", "{{.RestartCount}}", container], TIMEOUT_S))


def bridge() -> str:
    """The address of this machine at which containers reach it, unless their network is internal."""
    subnet = "{{(index .IPAM.Config 0).Subnet}}"
    told = _run(["docker", "network", "inspect", "--format", subnet, "bridge"], TIMEOUT_S)
    return str(next(ip_network(told.strip()).hosts()))


def _compose() -> list[str]:
    """Version 1 or 2 of it, whichever is here."""
    commands = ["docker", "compose"], ["docker-compose"]
    return next((command for command in commands if _succeeds([*command, "version"])), [])


def _succeeds(command: list[str]) -> bool:
    return bool(shutil.which(command[0])) and not subprocess.run(command, capture_output=True, timeout=30).returncode


def _run(command: list[str], timeout_s: float, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=timeout_s)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout
