"""What a stack takes that has nothing to do: `coinslot up`, and its servers alone, below which nothing of ours gets."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks import usage
from benchmarks.benchmark import Benchmark, Invalid, Measure, Quantity, Target
from benchmarks.pipeline.stage import OURS, START_TIMEOUT_S, answers, pid_of, servers, until
from benchmarks.site import Site
from coinslot.ports import free_port
from coinslot.stack.process import Process

QUIET_FACTOR = 6  # so many times as long as a round: what happens once in ten seconds counts too
SETTLE_S = 3.0  # what a start leaves to be done is done
MIB = 1024 * 1024
PERCENT = "% of a core"

STACK, ALONE = "coinslot up", "Redis and MongoDB alone"
CPU = Quantity("CPU of all", PERCENT)
MEMORY = Quantity("memory of all, PSS", "MiB")
# The parts, by a word of their command lines. A front is two processes, one that listens and one that serves.
PARTS = {"Redis": "redis-server", "MongoDB": "mongod", "front": "front", "worker": "worker"}
PART_CPU = {name: Quantity(f"CPU of {name}", PERCENT) for name in PARTS}
SUPERVISOR_CPU = Quantity("CPU of coinslot up itself", PERCENT)
# What processes share, such as pages of the front's parent and child, is in PSS once and in RSS each time.
PSS = {name: Quantity(f"{name}, PSS", "MiB") for name in ("front", "worker")}
RSS = {name: Quantity(f"{name}, RSS", "MiB") for name in ("front", "worker")}


@contextmanager
def open_idle(site: Site) -> Iterator[Mapping[str, Measure]]:
    everywhere, port, seconds = site.cores.both, free_port(), site.seconds * QUIET_FACTOR
    environment = {name: value for name, value in os.environ.items() if name not in OURS}
    environment |= {"PORT": str(port), "DATA_DIR": str(site.folder / "stack"), "MODE": "prod"}
    command = [sys.executable, "-m", "coinslot.cli", "up"]
    up = Process("up", command, env=environment, log=site.folder / "up.log")
    with site.running(up, everywhere), servers(site, everywhere) as on:
        until(lambda: answers(f"http://127.0.0.1:{port}/ready"), START_TIMEOUT_S, "the stack is not ready")
        time.sleep(SETTLE_S)
        yield {
            STACK: partial(_stack, pid_of(up), seconds),
            ALONE: partial(_alone, pid_of(on.redis), pid_of(on.mongo), seconds),
        }


def _stack(up: int, seconds: float) -> Mapping[Quantity, float]:
    parts = {name: _part(up, word) for name, word in PARTS.items()}
    all_percent, *percents = _busy([up, *parts.values()], seconds)
    memory = {name: usage.memory(pid) for name, pid in parts.items()}
    return {
        CPU: all_percent,
        **dict(zip(PART_CPU.values(), percents, strict=True)),
        SUPERVISOR_CPU: all_percent - sum(percents),
        **{quantity: memory[name].pss_bytes / MIB for name, quantity in PSS.items()},
        **{quantity: memory[name].rss_bytes / MIB for name, quantity in RSS.items()},
        MEMORY: usage.memory(up).pss_bytes / MIB,
    }


def _alone(redis: int, mongod: int, seconds: float) -> Mapping[Quantity, float]:
    redis_percent, mongod_percent = _busy([redis, mongod], seconds)
    return {
        CPU: redis_percent + mongod_percent,
        PART_CPU["Redis"]: redis_percent,
        PART_CPU["MongoDB"]: mongod_percent,
    }


def _part(up: int, word: str) -> int:
    for pid in usage.tree(up):
        if pid != up and word.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid  # the first: what it has started comes after it
    raise Invalid(f"the stack has no {word}")


def _busy(pids: Sequence[int], seconds: float) -> list[float]:
    """Per cent of a core that each took, with all below it, in the next so many seconds."""
    before, began = [usage.cpu_us(pid) for pid in pids], time.monotonic()
    time.sleep(seconds)
    after, took_us = [usage.cpu_us(pid) for pid in pids], (time.monotonic() - began) * 1e6
    return [100 * (end - begin) / took_us for begin, end in zip(before, after, strict=True)]


IDLE = Benchmark(
    name="idle",
    title="nothing to do",
    subjects=(STACK, ALONE),
    quantities=(CPU, *PART_CPU.values(), SUPERVISOR_CPU, *PSS.values(), *RSS.values(), MEMORY),
    targets=[
        Target("CPU of an idle stack", STACK, CPU, 1.0),
        Target("memory of an idle front, parent and child", STACK, PSS["front"], 80.0),
        Target("memory of an idle worker", STACK, PSS["worker"], 60.0),
    ],
    open=open_idle,
)
