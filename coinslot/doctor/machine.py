"""This machine: its memory and disk, and the kernel setting that Redis wants."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from coinslot.doctor import disk
from coinslot.doctor.finding import Finding, ok, warning
from coinslot.doctor.size import readable

KIB = 1024
FEW_BYTES = 512 * KIB * KIB  # two web processes, a worker, and bodies
PROC = Path("/proc")


def examine(data_dir: Path, proc: Path = PROC) -> Iterator[Finding]:
    """`proc` is Linux's; elsewhere nothing is said of memory."""
    yield ok("coinslot", f"{version('coinslot')}, Python {platform.python_version()}")
    if (proc / "meminfo").exists():
        yield memory(proc)
    if data_dir.exists():
        yield disk.folder("disk.data", data_dir.absolute())


def memory(proc: Path) -> Finding:
    lines = (proc / "meminfo").read_text().splitlines()
    sizes = {name: int(rest.split()[0]) * KIB for name, _, rest in (line.partition(":") for line in lines)}
    available_bytes = sizes["MemAvailable"]
    seen = f"{readable(available_bytes)} of {readable(sizes['MemTotal'])} left"
    if available_bytes < FEW_BYTES:
        return warning(
            "machine.memory", f"{seen}; when there is none, the kernel ends a process", "end what else runs here"
        )
    return ok("machine.memory", seen)


def overcommit(proc: Path = PROC) -> Finding:
    """Ask this where Redis runs."""
    name, value = "machine.overcommit", (proc / "sys/vm/overcommit_memory").read_text().strip()
    if value == "1":
        return ok(name, "vm.overcommit_memory = 1")
    return warning(
        name,
        f"vm.overcommit_memory = {value}: when memory is short, Redis cannot fork to rewrite its append-only file",
        "sysctl -w vm.overcommit_memory=1, and vm.overcommit_memory = 1 in /etc/sysctl.d/coinslot.conf",
    )


def runs_redis(pid: int, proc: Path = PROC) -> bool:
    """Whether the process that Redis says it is, is one of this machine: not in a container, not elsewhere."""
    try:
        return (proc / str(pid) / "comm").read_text().startswith(("redis", "valkey"))
    except OSError:
        return False
