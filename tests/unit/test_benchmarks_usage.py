"""What a process tree took, held against processes whose use is known."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import usage

BURN = """
import time
def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass
"""
READY_THEN_WAIT = "print(flush=True); input()"
TOLERANCE_US = 150_000  # ticks, and what an interpreter takes to start
TICK_US = 10_000


@contextmanager
def python(program: str) -> Iterator[int]:
    """Its pid, once it has printed a line; it waits for its input to end."""
    child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin and child.stdout
    try:
        child.stdout.readline()
        yield child.pid
    finally:
        child.communicate(b"\n", timeout=10)


def test_time_of_threads_counts_also_of_those_that_have_ended() -> None:
    program = f"{BURN}\nimport threading\nt = threading.Thread(target=burn, args=(0.4,)); t.start(); t.join()"

    with python(f"{program}\n{READY_THEN_WAIT}") as pid:
        took_us = usage.cpu_us(pid)

    assert 400_000 - TOLERANCE_US / 10 <= took_us <= 400_000 + TOLERANCE_US


def test_time_of_a_child_counts_while_it_runs_and_after_it_was_waited_for() -> None:
    grandchild = f"{BURN}\nburn(0.3); print(flush=True); input()"
    program = (
        "import subprocess, sys\n"
        f"c = subprocess.Popen([sys.executable, '-c', {grandchild!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "c.stdout.readline(); print(flush=True); input(); c.communicate(b'x'); print(flush=True); input()"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin and child.stdout

    child.stdout.readline()
    while_it_runs = usage.cpu_us(child.pid)
    child.stdin.write(b"\n")
    child.stdin.flush()
    child.stdout.readline()
    afterwards = usage.cpu_us(child.pid)
    child.communicate(b"\n", timeout=10)

    assert while_it_runs >= 290_000
    assert while_it_runs - TICK_US * 2 <= afterwards <= while_it_runs + TOLERANCE_US


def test_positive_control_a_process_that_waits_takes_nothing() -> None:
    with python(READY_THEN_WAIT) as pid:
        before = usage.cpu_us(pid)
        time.sleep(0.2)
        took_us = usage.cpu_us(pid) - before

    assert took_us <= TOLERANCE_US / 10


def test_memory_of_a_tree_holds_what_its_processes_hold() -> None:
    hold = f"held = b'x' * 50_000_000; {READY_THEN_WAIT}"
    parent = (
        "import subprocess, sys\n"
        f"c = subprocess.Popen([sys.executable, '-c', {hold!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        f"held = b'x' * 30_000_000; c.stdout.readline(); {READY_THEN_WAIT}; c.communicate(b'x')"
    )

    with python(parent) as pid:
        taken = usage.memory(pid)

    assert 80_000_000 <= taken.pss_bytes <= taken.rss_bytes <= 140_000_000


def test_a_process_that_is_gone_takes_nothing() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()

    assert usage.cpu_us(child.pid) == 0
    assert usage.memory(child.pid) == (0, 0)


def test_the_machine_takes_what_its_processes_take() -> None:
    before = usage.machine_cpu_us()
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass

    assert usage.machine_cpu_us() - before >= 290_000


def test_a_name_with_spaces_and_parentheses_moves_no_field() -> None:
    rename = f"from pathlib import Path; Path('/proc/self/comm').write_text(') 9 9 9 ('); {READY_THEN_WAIT}"

    with python(rename) as pid:
        took_us = usage.cpu_us(pid)

    assert took_us < 2_000_000
    assert usage.cpu_us(os.getpid()) > 0
