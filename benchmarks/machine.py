"""What the figures were measured on, in words."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from coinslot.stack.binaries import find_mongod, find_redis

PACKAGES = ("uvicorn", "uvloop", "granian", "flask", "kombu", "celery", "redis", "pymongo")


def describe(npm_packages: Path) -> dict[str, str]:
    """`npm_packages` is the folder node_modules."""
    described = {
        "processor": f"{_cpu_name()}, {len(os.sched_getaffinity(0))} processors",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}",
        "python": platform.python_version(),
        "redis": _told(str(find_redis())),
        "mongod": _told(str(find_mongod() or "")),
        "node": _told(shutil.which("node") or ""),
        "wrk": _told(shutil.which("wrk") or "", "-v"),
        "packages": ", ".join(f"{name} {found}" for name in PACKAGES if (found := _installed(name))),
        "npm packages": ", ".join(_npm(npm_packages)),
    }
    return {name: value for name, value in described.items() if value}


def _cpu_name() -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def _told(program: str, option: str = "--version") -> str:
    """The first version number that a program tells of itself; empty if there is no such program."""
    if not program:
        return ""
    told = subprocess.run([program, option], capture_output=True, text=True, timeout=10, check=False)
    found = re.search(r"\d+\.\d+(\.\d+)?", told.stdout + told.stderr)
    return found[0] if found else ""


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _npm(folder: Path) -> list[str]:
    wanted = (folder / name / "package.json" for name in ("fastify", "express", "ioredis"))
    found = [path.read_text() for path in wanted if path.exists()]
    return [" ".join(re.findall(r'^  "(?:name|version)": "([^"]*)"', text, re.M)) for text in found]
